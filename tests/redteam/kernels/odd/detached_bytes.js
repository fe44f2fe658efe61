// Returns bytes whose buffer was given away.
// must: fail with /TypeError: result\[0\] is memory that is no longer there, which cannot be stored/
() => { const bytes = new Uint8Array([1, 2, 3]); bytes.buffer.transfer(); return [bytes, 'after']; }
