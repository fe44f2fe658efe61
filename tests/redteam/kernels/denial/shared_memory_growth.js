// Grows shared memory of WebAssembly as far as it goes.
// must: end with /TimeoutError|RangeError|Error/
() => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
  for (;;) { memory.grow(256); new Uint8Array(memory.buffer).fill(1, memory.buffer.byteLength - (1 << 24)); }
}
