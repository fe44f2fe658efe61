// Returns what holds its contents weakly.
// must: fail with /TypeError: result\[0\] is a WeakMap, which cannot be stored/
() => [new WeakMap(), new WeakSet(), new WeakRef({})]
