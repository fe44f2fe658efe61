// Replaces every method of Array.prototype and Array's own functions, and its iterator.
// must: result [1, [2, 3]]
// whole
(function () {
  let called = 0;
  const { ownKeys, apply, defineProperty } = Reflect;
  for (const owner of [Array.prototype, Array, Object.getPrototypeOf([][Symbol.iterator]())]) {
    const names = ownKeys(owner);
    for (let i = 0; i < names.length; i += 1) {
      const old = names[i] === 'constructor' ? undefined : owner[names[i]];
      if (typeof old !== 'function') continue;
      const value = function () { called += 1; return apply(old, this, arguments); };
      defineProperty(owner, names[i], { value, configurable: true, writable: true });
    }
  }
  return {main(dataset) {
    if (called > 0) throw new Error(`called ${called}`);
    return dataset.honest ?? [1, [2, 3]];
  }};
})()
