// Waits at MessagePort's and EventTarget's prototypes for the harness to come by with its port.
// must: result 0
// whole
(function () {
  const caught = [];
  for (const name of ['MessagePort', 'EventTarget', 'MessageEvent', 'Event', 'Worker']) {
    const owner = globalThis[name]?.prototype;
    for (const key of owner ? Reflect.ownKeys(owner) : []) {
      try { const old = owner[key]; owner[key] = function () { caught.push(this); return old.apply(this, arguments); }; }
      catch { /* an accessor */ }
    }
  }
  return {main(dataset) {
    if (caught.length > 0) throw new Error('caught a port');
    return dataset.honest ?? caught.length;
  }};
})()
