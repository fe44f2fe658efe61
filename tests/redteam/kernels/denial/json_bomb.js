// Has the engine read JSON that is nested ten million levels deep.
// must: end with /RangeError|InternalError|SyntaxError|TimeoutError/
() => { JSON.parse('['.repeat(1e7) + ']'.repeat(1e7)); return 'read'; }
