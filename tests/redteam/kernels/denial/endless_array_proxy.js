// Returns a proxy of an array that says to be longer than anything.
// must: fail with /RangeError: the result is larger than 16777216 bytes|TypeError/
() => new Proxy([], { get: (target, name) => (name === 'length' ? Number.MAX_SAFE_INTEGER : 1) })
