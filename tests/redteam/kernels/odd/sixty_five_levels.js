// Returns an array nested one level deeper than it may be.
// must: fail with /RangeError: the result is nested deeper than 64 levels/
() => { let value = []; for (let i = 1; i < 65; i += 1) value = [value]; return value; }
