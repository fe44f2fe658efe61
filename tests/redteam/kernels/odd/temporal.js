// Returns what has no fields of its own: formats, moments, iterators.
// must: result [{}, {}]
() => [new Intl.NumberFormat('en'), [1][Symbol.iterator]()]
