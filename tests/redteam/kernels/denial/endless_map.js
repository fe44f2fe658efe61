// Returns a map that grows while it is read.
// must: fail with /RangeError: the result is larger than 16777216 bytes|TimeoutError/
() => {
  const map = new Map();
  const value = { get grow() { map.set(map.size, value); return 1; } };
  return map.set(0, value);
}
