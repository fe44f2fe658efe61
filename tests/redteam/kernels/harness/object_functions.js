// Replaces Object's functions, which an encoder asks for keys.
// must: result {"a": 1}
// whole
(function () {
  let called = 0;
  for (const name of ['keys', 'entries', 'getOwnPropertyNames', 'getOwnPropertyDescriptor', 'getPrototypeOf',
    'defineProperty', 'setPrototypeOf', 'assign', 'create']) {
    const old = Object[name];
    Object[name] = (...given) => { called += 1; return old(...given); };
  }
  Object.prototype.toString = function () { called += 1; return '[object Map]'; };
  Object.prototype.hasOwnProperty = () => { called += 1; return true; };
  return {main(dataset) {
    if (called > 0) throw new Error(`called ${called}`);
    return dataset.honest ?? { a: 1 };
  }};
})()
