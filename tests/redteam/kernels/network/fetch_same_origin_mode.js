// Asks for the compute origin's own files in same-origin mode.
// must: leak nothing
async () => (await fetch('%SITE%/inner?%TOKEN%', { mode: 'same-origin' })).status
