// Imports the compute origin's own script.
// must: fail with /.+/
async () => Object.keys(await import('%SITE%/static/dist/embed.js?%TOKEN%'))
