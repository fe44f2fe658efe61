// Returns an array nested exactly as deep as it may be.
// must: result [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
() => { let value = []; for (let i = 1; i < 64; i += 1) value = [value]; return value; }
