// Imports the source phase of a WebAssembly module, where the engine knows the syntax.
// must: fail with /.+/
async () => `${await Function('return import.source("%HTTP%/module.wasm")')()}`
