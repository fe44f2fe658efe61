// Resolves with an object whose `then` is a getter that leaves its mark.
// must: result {"kept": 1}
async () => {
  const value = { kept: 1 };
  Object.defineProperty(value, 'then', { enumerable: false, get() { value.read = undefined; return undefined; } });
  return value;
}
