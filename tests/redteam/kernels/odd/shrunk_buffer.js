// Returns views of a resizable buffer that has shrunk away below them.
// must: end with /TypeError|RangeError|cannot/
() => {
  const buffer = new ArrayBuffer(16, { maxByteLength: 32 });
  const views = [new Uint8Array(buffer), new Uint8Array(buffer, 8, 4), new DataView(buffer, 8)];
  buffer.resize(4);
  return views;
}
