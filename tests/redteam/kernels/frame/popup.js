// Opens a window.
// must: fail with /ReferenceError|TypeError/
() => { open('%HTTP%/popup'); clients.openWindow('%HTTP%/popup'); return 'open'; }
