// Replaces the __proto__ accessor, which writing a key of that name would call.
// must: result 0
// whole
(function () {
  let calls = 0;
  Object.defineProperty(Object.prototype, '__proto__', { get() { calls += 1; }, set() { calls += 1; } });
  return {main(dataset) {
    if (calls > 0) throw new Error(`${calls} calls`);
    return dataset.honest ?? calls;
  }};
})()
