// Replaces the methods of strings and of String, and those of numbers.
// must: result "short"
// whole
(function () {
  let called = 0;
  const { ownKeys, apply } = Reflect;
  for (const owner of [String.prototype, String, Number.prototype, Number, BigInt.prototype, Math]) {
    for (const name of ownKeys(owner)) {
      const old = owner === String && name === 'prototype' ? undefined : Object.getOwnPropertyDescriptor(owner, name).value;
      if (typeof old !== 'function' || name === 'constructor') continue;
      owner[name] = function () { called += 1; return apply(old, this, arguments); };
    }
  }
  return {main(dataset) {
    if (called > 0) throw new Error('called');
    return dataset.honest ?? 'short';
  }};
})()
