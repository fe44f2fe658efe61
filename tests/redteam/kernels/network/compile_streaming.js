// Has WebAssembly compile what another site sends.
// must: leak nothing
async () => `${await WebAssembly.compileStreaming(fetch('%HTTP%/module.wasm'))}`
