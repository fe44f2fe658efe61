// Closes the parenthesis around its source early, to run outside of it.
// must: refuse with /SyntaxError/
// whole
})(); globalThis.evil = true; (function () { return {main: () => 1}; }
