// Runs a script of another site with importScripts.
// must: leak nothing
() => { importScripts('%HTTP%/script.js'); return 'ran'; }
