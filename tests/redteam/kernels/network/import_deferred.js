// Imports a module that is to be evaluated later, where the engine knows the syntax.
// must: fail with /.+/
async () => `${await Function('return import.defer("%HTTP%/deferred.js")')()}`
