// Gives WebAssembly a thenable instead of a response, to see what it makes of it.
// must: fail with /.+/
async () => WebAssembly.instantiateStreaming({ then(resolve) { resolve('%HTTP%/instantiated.wasm'); } })
