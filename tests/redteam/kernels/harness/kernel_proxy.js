// Is a proxy, which sees all that the harness asks of it.
// must: result "main"
// whole
(function () {
  const asked = [];
  const kernel = {main: (dataset) => dataset.honest ?? asked.filter((name) => name !== 'loadStaticDataset').join()};
  return new Proxy(kernel, {get(target, name) { asked.push(String(name)); return target[name]; }});
})()
