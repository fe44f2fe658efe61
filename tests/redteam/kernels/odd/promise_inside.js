// Returns a promise inside an object.
// must: fail with /TypeError: result\.later is a Promise \(await it first\), which cannot be stored/
() => ({ later: Promise.resolve(1) })
