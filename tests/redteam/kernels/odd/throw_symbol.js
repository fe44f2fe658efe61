// Throws a symbol.
// must: fail with /Error: the kernel threw Symbol\(odd\)/
() => { throw Symbol('odd'); }
