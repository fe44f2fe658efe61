// Closes the parenthesis around its source early, to run outside of it: what runs there is a kernel's code all the same.
// must: refuse with /SyntaxError/
// whole
({})); globalThis.evil = fetch('%HTTP%/outside'); ({main: () => 'evil'}
