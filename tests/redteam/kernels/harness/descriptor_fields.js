// Puts the fields of property descriptors on Object.prototype: value, get, set, writable.
// must: result {"own": 1}
// whole
(function () {
  for (const name of ['value', 'writable', 'enumerable', 'configurable']) Object.prototype[name] = false;
  Object.defineProperty(Object.prototype, 'get', { __proto__: null, value: () => 'forged' });
  return {main: (dataset) => dataset.honest ?? JSON.parse('{"own": 1}')};
})()
