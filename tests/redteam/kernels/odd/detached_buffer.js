// Returns a buffer that was given away.
// must: fail with /TypeError: result\.buffer is memory that is no longer there, which cannot be stored/
() => { const buffer = new ArrayBuffer(8); buffer.transfer(); return { buffer }; }
