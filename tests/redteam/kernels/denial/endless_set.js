// Returns a set that grows while it is read.
// must: fail with /RangeError: the result is larger than 16777216 bytes|TimeoutError/
() => {
  const set = new Set();
  const grow = () => set.add({ get again() { grow(); return 1; } });
  grow();
  return set;
}
