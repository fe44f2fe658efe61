// Returns an array whose item makes it shorter while it is read.
// must: result [{"cut": 1}, null, null]
() => { const list = [{ get cut() { list.length = 1; return 1; } }, 2, 3]; return list; }
