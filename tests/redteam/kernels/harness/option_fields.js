// Puts the fields of the harness' own records on Object.prototype: main, target, progress, transfer, then.
// must: result 0
// whole
(function () {
  let read = 0;
  for (const name of ['target', 'loadStaticDataset', 'transfer', 'made', 'failure', 'then', 'read', 'written']) {
    Object.defineProperty(Object.prototype, name, { configurable: true, get() { read += 1; return undefined; } });
  }
  return {main: (dataset) => {
    const count = read;
    return dataset.honest ?? (count > 100 ? count : 0);
  }};
})()
