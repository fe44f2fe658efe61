// Returns shared memory and a view of it.
// must: fail with /TypeError: result\[1\] is a SharedArrayBuffer, which cannot be stored/
() => {
  const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  return [new Uint8Array(buffer, 0, 2), buffer];
}
