// Returns a symbol in an object, which is an object without fields.
// must: result {}
() => Object(Symbol('x'))
