// Imports from code made by the Function constructor, which has another referrer.
// must: fail with /.+/
async () => Object.keys(await Function('return import("%HTTP%/made.js")')())
