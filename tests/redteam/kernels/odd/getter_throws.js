// Returns an object with a getter that throws.
// must: fail with /RangeError: not today/
() => ({ a: 1, get b() { throw new RangeError('not today'); } })
