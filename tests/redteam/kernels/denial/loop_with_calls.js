// Never returns, and calls functions all the while.
// must: fail with /TimeoutError/
() => { let n = 0; const step = () => { n += 1; }; while (n >= 0) step(); return n; }
