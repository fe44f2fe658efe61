// Replaces the methods and getters of typed arrays, to get hold of the encoder's buffer.
// must: result {"bytes": "2a"}
// whole
(function () {
  const caught = [];
  const owner = Object.getPrototypeOf(Uint8Array.prototype);
  for (const name of Reflect.ownKeys(owner)) {
    const field = Object.getOwnPropertyDescriptor(owner, name);
    for (const part of ['get', 'value']) {
      const old = field[part];
      if (typeof old !== 'function' || name === 'constructor') continue;
      field[part] = function () { caught[caught.length] = this; return Reflect.apply(old, this, arguments); };
    }
    Object.defineProperty(owner, name, field);
  }
  return {main(dataset) {
    if (caught.length > 0) throw new Error(`caught ${caught.length}`);
    return dataset.honest ?? new Uint8Array([42]);
  }};
})()
