// Changes the prototype of what datasets are made of, so that the next one is not itself.
// must: result "set"
// whole
(function () {
  return {main(dataset) {
    if (dataset.honest !== undefined) return dataset.honest;
    Object.defineProperty(Object.prototype, 'honest', {
      configurable: true, get() { return 'forged'; }, set() { /* swallow what the decoder writes */ },
    });
    return 'set';
  }};
})()
