// Puts setters for indices on Array.prototype.
// must: result 0
// whole
(function () {
  let caught = 0;
  for (let i = 0; i < 20; i += 1) {
    Object.defineProperty(Array.prototype, i, { configurable: true, get() { caught += 1; }, set() { caught += 1; } });
  }
  return {main(dataset) {
    if (caught > 0) throw new Error(`caught ${caught}`);
    return dataset.honest ?? caught;
  }};
})()
