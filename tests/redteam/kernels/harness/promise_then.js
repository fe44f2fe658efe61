// Replaces Promise.prototype.then and catches the harness' own callbacks.
// must: result "kept"
// whole
(function () {
  const caught = [];
  const { then } = Promise.prototype;
  Promise.prototype.then = function (...given) { caught.push(given); return Reflect.apply(then, this, given); };
  return {main(dataset) {
    if (caught.length > 0) throw new Error(`caught ${caught.length}`);
    if (dataset.honest !== undefined) return (async () => dataset.honest)();
    return (async () => 'kept')();
  }};
})()
