// Returns a function.
// must: fail with /TypeError: the result is a function, which cannot be stored/
() => Math.max
