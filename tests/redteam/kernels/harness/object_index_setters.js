// Puts setters for indices on Object.prototype, to catch what the harness writes into its lists.
// must: result 0
// whole
(function () {
  let caught = 0;
  for (let i = 0; i < 20; i += 1) {
    Object.defineProperty(Object.prototype, i, { configurable: true, get() { caught += 1; }, set() { caught += 1; } });
  }
  return {main(dataset) {
    if (caught > 0) throw new Error(`caught ${caught}`);
    return dataset.honest ?? caught;
  }};
})()
