// Returns an object with a `then`, which is a value like any other.
// must: fail with /result\.then is a function/
() => ({ then(resolve) { resolve('forged'); resolve('again'); } })
