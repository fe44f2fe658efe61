// Throws null.
// must: fail with /Error: the kernel threw null/
() => { throw null; }
