// Leaves something on the global object, where a kernel of another campaign would find it.
// must: result "nothing of others"
// whole
(function () {
  const found = globalThis.left ?? 'nothing of others';
  globalThis.left = 'left by %TOKEN%';
  return {main: (dataset) => dataset.honest ?? (`${found}`.includes('%TOKEN%') ? 'nothing of others' : found)};
})()
