// Replaces apply, call and bind, and Reflect's functions.
// must: result 0
// whole
(function () {
  let called = 0;
  const { apply } = Reflect;
  for (const [owner, names] of [[Function.prototype, ['apply', 'call', 'bind']], [Reflect, Reflect.ownKeys(Reflect)]]) {
    for (const name of names) {
      const old = owner[name];
      if (typeof old !== 'function') continue;
      owner[name] = function (...given) { called += 1; return apply(old, this, given); };
    }
  }
  return {main(dataset) {
    if (called > 0) throw new Error(`called ${called}`);
    return dataset.honest ?? called;
  }};
})()
