// Returns an object whose getter makes another such object, without end.
// must: fail with /nested deeper than 64 levels/
() => { const make = () => ({ get deeper() { return make(); } }); return make(); }
