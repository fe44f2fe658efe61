// Returns fields that are named by symbols.
// must: result {"named": 1}
() => ({ [Symbol('secret')]: 2, [Symbol.toStringTag]: 'Map', named: 1 })
