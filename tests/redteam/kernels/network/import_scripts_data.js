// Runs a data: script with importScripts, which then asks another site.
// must: leak nothing
() => { importScripts('data:text/javascript,fetch("%HTTP%/from-data")'); return 'ran'; }
