// Returns a view and a buffer that are detached, which are asked for lengths that they no longer have.
// must: end with /TypeError|cannot/
() => { const view = new DataView(new ArrayBuffer(8)); view.buffer.transfer(); return [view, view.buffer]; }
