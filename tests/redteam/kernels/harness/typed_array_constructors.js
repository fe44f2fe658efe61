// Replaces the constructors of byte arrays, buffers and views on the global object.
// must: result [1.5, "text"]
// whole
(function () {
  let made = 0;
  for (const name of ['Uint8Array', 'ArrayBuffer', 'DataView', 'Array', 'Object', 'Error', 'TypeError', 'RangeError']) {
    const Old = globalThis[name];
    globalThis[name] = new Proxy(Old, {
      construct(target, given, by) { made += 1; return Reflect.construct(target, given, by); },
      apply(target, self, given) { made += 1; return Reflect.apply(target, self, given); },
    });
  }
  return {main(dataset) {
    if (made > 0) throw new Error(`made ${made}`);
    return dataset.honest ?? [1.5, 'text'];
  }};
})()
