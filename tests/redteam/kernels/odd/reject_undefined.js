// Rejects with undefined.
// must: fail with /Error: the kernel threw undefined/
async () => { throw undefined; }
