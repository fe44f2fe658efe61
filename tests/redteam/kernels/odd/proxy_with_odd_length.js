// Returns a proxy of an array whose length is no number.
// must: fail with /TypeError: the result is an array without a length/
() => new Proxy([], { get: (list, key) => (key === 'length' ? 'many' : 1) })
