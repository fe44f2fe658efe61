// Takes memory through WebAssembly, 64 MB at a time, and touches every page.
// must: fail with /TimeoutError|RangeError|Error/
() => {
  const kept = [];
  for (;;) {
    const memory = new WebAssembly.Memory({ initial: 1024 });
    const bytes = new Uint8Array(memory.buffer);
    for (let i = 0; i < bytes.length; i += 4096) bytes[i] = 1;
    kept.push(memory);
  }
}
