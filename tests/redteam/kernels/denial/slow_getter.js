// Returns an object with a getter that never returns.
// must: fail with /TimeoutError/
() => ({ get slow() { for (;;); } })
