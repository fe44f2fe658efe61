// Returns the global object itself.
// must: fail with /TypeError: result\.console\.debug is a function, which cannot be stored/
() => globalThis
