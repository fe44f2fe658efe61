// Leaves promise jobs behind that run after its answer and try to answer again.
// must: result "only once"
// whole
(function () {
  return {main(dataset) {
    if (dataset.honest !== undefined) return dataset.honest;
    let left = 1000;
    (async () => {
      while (left > 0) {
        left -= 1;
        await null;
        try { postMessage(['answers', [0, 0, null]]); } catch { /* nothing to post with */ }
      }
    })();
    return 'only once';
  }};
})()
