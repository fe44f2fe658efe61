// Imports from indirectly evaluated code that claims to come from the other site.
// must: fail with /.+/
async () => Object.keys(await (0, eval)('import("./evaluated.js")\n//# sourceURL=%HTTP%/evaluated.js'))
