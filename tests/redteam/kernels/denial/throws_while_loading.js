// Throws something odd while it is evaluated.
// must: refuse with /the kernel threw null/
// whole
(() => { throw null; })()
