// Calls itself without end.
// must: fail with /RangeError|InternalError/
() => { const deeper = (n) => deeper(n + 1) + 1; return deeper(0); }
