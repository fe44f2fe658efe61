// Returns frozen and sealed objects.
// must: result [{"a": [1]}, {"b": 2}]
() => [Object.freeze({ a: Object.freeze([1]) }), Object.seal({ b: 2 })]
