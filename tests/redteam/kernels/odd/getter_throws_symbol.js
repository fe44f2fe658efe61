// Returns an object whose getter throws a symbol.
// must: fail with /the kernel threw Symbol\(odd\)/
() => ({ get a() { throw Symbol('odd'); } })
