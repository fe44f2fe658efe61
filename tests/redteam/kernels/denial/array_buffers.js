// Takes memory in pieces of 64 MB and touches every page.
// must: fail with /TimeoutError|RangeError|Error/
() => {
  const kept = [];
  for (;;) {
    const bytes = new Uint8Array(1 << 26);
    for (let i = 0; i < bytes.length; i += 4096) bytes[i] = 1;
    kept.push(bytes);
  }
}
