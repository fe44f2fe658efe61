// Returns a symbol.
// must: fail with /TypeError: the result is a symbol, which cannot be stored/
() => Symbol('x')
