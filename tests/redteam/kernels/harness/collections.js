// Replaces what the encoder asks of dates, maps and sets.
// must: result ["1970-01-01T00:00:00.000Z", [["k", "v"]], ["s"]]
// whole
(function () {
  const values = [new Date(0), new Map([['k', 'v']]), new Set(['s'])];
  let called = 0;
  for (const owner of [Date.prototype, Map.prototype, Set.prototype]) {
    for (const name of Reflect.ownKeys(owner)) {
      const field = Object.getOwnPropertyDescriptor(owner, name);
      const part = field.get ? 'get' : 'value';
      const old = field[part];
      if (typeof old !== 'function' || name === 'constructor') continue;
      field[part] = function () { called += 1; return Reflect.apply(old, this, arguments); };
      Object.defineProperty(owner, name, field);
    }
  }
  return {main(dataset) {
    if (called > 0) throw new Error(`called ${called}`);
    return dataset.honest ?? values;
  }};
})()
