// Returns an object whose every level is made when it is read, exactly as deep as it may be.
// must: result 64
() => {
  let depth = 0;
  const make = (left) => (left === 0 ? 1 : { get next() { depth += 1; return make(left - 1); } });
  const walk = (value) => (value === 1 ? depth : walk(value.next));
  return walk(make(64));
}
