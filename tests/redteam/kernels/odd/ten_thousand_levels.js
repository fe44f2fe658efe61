// Returns an array nested 10,000 levels deep.
// must: fail with /RangeError: the result is nested deeper than 64 levels/
() => { let value = []; for (let i = 0; i < 10000; i += 1) value = [value]; return value; }
