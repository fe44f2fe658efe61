// Prints things that run code when they are made into text, and answer with the harness' own functions.
// must: result ""
() => {
  let caught = '';
  const spy = { toJSON(key) { caught += arguments.callee?.caller?.name ?? ''; return key; } };
  const text = Object.assign(() => {}, { toString() { caught += this === globalThis ? 'this' : ''; return 'x'; } });
  try { console.log(spy, text, Symbol('s'), Object.create(null), new Proxy({}, {})); } catch { /* strict */ }
  return caught;
}
