// Keeps a view of the bytes that it returned, and writes to them once they are handed over.
// must: result {"bytes": "010203"}
() => {
  const bytes = new Uint8Array([1, 2, 3]);
  Promise.resolve().then(() => bytes.fill(255));
  return bytes;
}
