// Sleeps where nothing can wake it: on shared memory of WebAssembly.
// must: fail with /TimeoutError/
() => Atomics.wait(new Int32Array(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer), 0, 0)
