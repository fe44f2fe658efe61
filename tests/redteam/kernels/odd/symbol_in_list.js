// Returns a symbol somewhere inside.
// must: fail with /TypeError: result\.items\[1\]\.s is a symbol, which cannot be stored/
() => ({ items: [0, { s: Symbol.iterator }] })
