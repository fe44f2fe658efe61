// Imports by a path, which is resolved against wherever the worker thinks it is.
// must: fail with /.+/
async () => Object.keys(await import('/static/dist/embed.js?%TOKEN%'))
