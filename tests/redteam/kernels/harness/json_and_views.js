// Replaces JSON.stringify and the accessors of DataView, and prints an object to see who calls.
// must: result [0.1, 18446744073709551615]
// whole
(function () {
  let called = 0;
  for (const owner of [JSON, DataView.prototype]) {
    for (const name of Reflect.ownKeys(owner)) {
      const old = Object.getOwnPropertyDescriptor(owner, name).value;
      if (typeof old !== 'function' || name === 'constructor') continue;
      owner[name] = function (...given) { called += 1; return Reflect.apply(old, this, given); };
    }
  }
  return {main(dataset) {
    console.log({ printed: dataset });
    if (called > 0) throw new Error(`called ${called}`);
    return dataset.honest ?? [0.1, 18446744073709551615n];
  }};
})()
