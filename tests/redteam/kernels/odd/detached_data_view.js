// Returns a view of a buffer that was given away, which has no length any more.
// must: fail with /TypeError: the result is memory that is no longer there, which cannot be stored/
() => { const view = new DataView(new ArrayBuffer(8)); view.buffer.transfer(); return view; }
