// Returns views of a resizable buffer that has shrunk away below them.
// must: fail with /TypeError: result\[1\] is memory that is no longer there, which cannot be stored/
() => {
  const buffer = new ArrayBuffer(16, { maxByteLength: 32 });
  const views = [new Uint8Array(buffer), new Uint16Array(buffer, 8, 2)];
  buffer.resize(4);
  return views;
}
