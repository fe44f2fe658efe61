// Returns an array of four thousand million holes.
// must: fail with /RangeError: the result is larger than 16777216 bytes/
() => { const holes = []; holes.length = 2 ** 32 - 1; return holes; }
