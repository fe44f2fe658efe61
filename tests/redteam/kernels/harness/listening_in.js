// Listens for the messages that bring datasets, and puts its own handler before the harness'.
// must: result 0
// whole
(function () {
  let heard = 0;
  try { addEventListener('message', () => { heard += 1; }, true); } catch { /* not there */ }
  globalThis.onmessage = () => { heard += 1; };
  globalThis.onmessageerror = globalThis.onerror = globalThis.onunhandledrejection = () => { heard += 1; };
  return {main(dataset) {
    if (heard > 0) throw new Error(`heard ${heard}`);
    return dataset.honest ?? heard;
  }};
})()
