// Imports a data: module.
// must: fail with /.+/
async () => Object.keys(await import('data:text/javascript,fetch("%HTTP%/from-data-module");export default 1'))
