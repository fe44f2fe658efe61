// Puts a proxy under the global object, which would see every name that is looked up and not found.
// must: fail with /TypeError/
() => {
  const seen = [];
  Object.setPrototypeOf(globalThis, new Proxy({}, { has(target, name) { seen.push(String(name)); return false; } }));
  return 'set';
}
