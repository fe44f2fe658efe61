// Returns a map that is emptied while it is read.
// must: result [["a", {"x": 1}]]
() => {
  const map = new Map([['a', { get x() { map.clear(); return 1; } }], ['b', 2]]);
  return map;
}
