// Replaces or removes every global that it can, those that the harness might look up later above all.
// must: result "alone"
// whole
(function () {
  const main = (dataset) => dataset.honest ?? 'alone';
  for (const name of Reflect.ownKeys(globalThis)) {
    try { globalThis[name] = undefined; delete globalThis[name]; } catch { /* it stays */ }
  }
  return {main};
})()
