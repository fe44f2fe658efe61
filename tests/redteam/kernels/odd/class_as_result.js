// Returns a class, and an object that can be called.
// must: fail with /a function, which cannot be stored/
() => [class {}, Object.assign(() => {}, { a: 1 })]
