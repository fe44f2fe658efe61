// Joins an array of four thousand million holes, in one step.
// must: fail with /TimeoutError|RangeError|InternalError/
() => { const holes = []; holes.length = 2 ** 32 - 1; for (;;) holes.indexOf(1); }
