// Answers from an asynchronous main while an older call of it is still at work.
// must: result "second"
// whole
(function () {
  let resume;
  return {async main(dataset) {
    if (dataset.honest !== undefined) { resume?.('late'); return dataset.honest; }
    const late = new Promise((resolve) => { resume = resolve; });
    late.then(() => { globalThis.late = true; });
    return 'second';
  }};
})()
