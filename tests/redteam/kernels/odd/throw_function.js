// Throws a function, and a proxy of one.
// must: fail with /./
() => { throw new Proxy(() => {}, { get: (target, key) => `${String(key)} of a proxy` }); }
