// Goes full screen.
// must: fail with /ReferenceError|TypeError/
async () => { await document.documentElement.requestFullscreen(); return 'full'; }
