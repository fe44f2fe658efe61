// Returns an object without a prototype, and one whose prototype is another object.
// must: result [{"a": 1}, {"own": 2}]
() => [Object.assign(Object.create(null), { a: 1 }), Object.assign(Object.create({ inherited: 1 }), { own: 2 })]
