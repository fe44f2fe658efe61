// Waits at the top of its source, which only modules may.
// must: refuse with /SyntaxError/
// whole
await null; ({main: () => 'waited'})
