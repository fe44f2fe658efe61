// Throws an error with a message of 64 MB.
// must: fail with /^RangeError: x{2000}$/
() => { throw new RangeError('x'.repeat(64 << 20)); }
