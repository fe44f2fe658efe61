// Imports a style sheet as a module.
// must: fail with /.+/
async () => Object.keys(await import('%HTTP%/sheet.css', { with: { type: 'css' } }))
