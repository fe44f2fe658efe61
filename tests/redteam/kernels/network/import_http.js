// Imports a module from another site, which no stripping of names can take away.
// must: fail with /.+/
async () => Object.keys(await import('%HTTP%/module.js'))
