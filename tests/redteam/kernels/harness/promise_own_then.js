// Returns a real promise with a `then` of its own, which would be handed the harness' callbacks.
// must: result "honestly"
() => {
  const promise = Promise.resolve('honestly');
  promise.then = (onValue) => { onValue('first'); onValue('second'); };
  return promise;
}
