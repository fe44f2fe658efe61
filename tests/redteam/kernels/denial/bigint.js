// Raises a BigInt to a power that takes for ever, in one step that nothing interrupts.
// must: fail with /TimeoutError|RangeError/
() => { let n = 3n; for (;;) n **= 7n; }
