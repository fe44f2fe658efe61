// Returns bytes whose buffer was given away.
// must: end with /TypeError|cannot/
() => { const bytes = new Uint8Array([1, 2, 3]); bytes.buffer.transfer(); return [bytes, 'after']; }
