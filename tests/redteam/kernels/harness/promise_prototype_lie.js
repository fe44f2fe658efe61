// Passes an object off as a promise by its prototype.
// must: fail with /TypeError/
() => Object.create(Promise.prototype)
