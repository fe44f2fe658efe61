// Returns a proxy of an array that gives another item each time.
// must: result [1, 2, 3]
() => { let n = 0; return new Proxy([0, 0, 0], { get: (list, key) => (key === 'length' ? 3 : (n += 1)) }); }
