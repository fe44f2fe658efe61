// Returns a generator.
// must: fail with /TypeError: the result is a Generator, which cannot be stored/
() => (function* () { yield 1; })()
