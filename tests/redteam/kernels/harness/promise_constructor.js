// Gives its promise a constructor of its own, which `then` would ask for the species of what it returns.
// must: result "own"
() => {
  const promise = Promise.resolve('own');
  promise.constructor = { [Symbol.species]: function (executor) {
    executor((value) => { globalThis.stolen = value; }, () => {});
    globalThis.resolvers = (globalThis.resolvers ?? 0) + 1;
  } };
  return promise;
}
