// Has arrays, typed arrays and buffers make copies of a class of its own.
// must: result {"b": {"bytes": "0102"}, "a": [1, 2]}
// whole
(function () {
  let made = 0;
  class Trap extends Uint8Array { constructor(...given) { super(...given); made += 1; } }
  const species = { configurable: true, get() { made += 1; return Trap; } };
  for (const owner of [Array, Object.getPrototypeOf(Uint8Array), ArrayBuffer, Promise, RegExp, Map, Set]) {
    Object.defineProperty(owner, Symbol.species, species);
  }
  for (const prototype of [Uint8Array.prototype, Object.getPrototypeOf(Uint8Array.prototype), Array.prototype]) {
    Object.defineProperty(prototype, 'constructor', { configurable: true, get() { made += 1; return Trap; } });
  }
  return {main(dataset) {
    if (made > 0) throw new Error(`made ${made}`);
    return dataset.honest ?? { b: new Uint8Array([1, 2]), a: [1, 2] };
  }};
})()
