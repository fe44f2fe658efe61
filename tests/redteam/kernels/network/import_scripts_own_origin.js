// Runs the compute origin's own script with importScripts.
// must: leak nothing
() => { importScripts('%SITE%/static/dist/embed.js?%TOKEN%'); return 'ran'; }
