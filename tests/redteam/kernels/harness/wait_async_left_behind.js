// Leaves a timer behind that WebAssembly's shared memory and Atomics.waitAsync make.
// must: result "left"
// whole
(function () {
  let ran = 0;
  return {main(dataset) {
    if (dataset.honest !== undefined) return dataset.honest;
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    const cell = new Int32Array(memory.buffer);
    for (let ms = 1; ms < 20; ms += 1) {
      Atomics.waitAsync?.(cell, 0, 0, ms).value.then(() => { ran += 1; globalThis.ran = ran; });
    }
    return 'left';
  }};
})()
