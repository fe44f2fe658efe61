// Returns a promise that never settles.
// must: fail with /TimeoutError/
() => new Promise(() => {})
