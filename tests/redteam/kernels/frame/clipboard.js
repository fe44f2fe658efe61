// Reads and writes the visitor's clipboard.
// must: fail with /ReferenceError|TypeError/
async () => { await navigator.clipboard.writeText('%TOKEN%'); return navigator.clipboard.readText(); }
