// Returns objects with the prototypes of things that they are not.
// must: result [{"a": 1}, {"b": 2}, {"c": 3}]
() => [Object.assign(Object.create(Date.prototype), { a: 1 }), Object.assign(Object.create(Map.prototype), { b: 2 }),
  Object.assign(Object.create(Uint8Array.prototype), { c: 3 })]
