// Returns an object with a getter that removes and adds fields while they are read.
// must: result {"a": "read", "c": 3}
() => {
  const value = { get a() { delete value.b; value.d = 4; return 'read'; }, b: 2, c: 3 };
  return value;
}
