// Resolves with a promise of a promise.
// must: result "in the end"
() => Promise.resolve(Promise.resolve('in the end'))
