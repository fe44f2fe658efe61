// Keeps the visitor's screen awake.
// must: fail with /ReferenceError|TypeError/
async () => { await navigator.wakeLock.request('screen'); return 'awake'; }
