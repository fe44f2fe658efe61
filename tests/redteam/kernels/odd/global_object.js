// Returns the global object itself.
// must: fail with /cannot be stored|nested deeper|TypeError/
() => globalThis
