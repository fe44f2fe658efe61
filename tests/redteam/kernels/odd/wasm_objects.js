// Returns WebAssembly's objects, which have no fields of their own.
// must: result [{}, {}]
() => [new WebAssembly.Memory({ initial: 1 }), new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))]
