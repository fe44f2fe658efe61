// Throws a function, and a proxy of one.
// must: fail with /name of a proxy: message of a proxy/
() => { throw new Proxy(() => {}, { get: (target, key) => `${String(key)} of a proxy` }); }
