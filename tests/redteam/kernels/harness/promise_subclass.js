// Returns a promise of a subclass whose `then` answers twice.
// must: fail with /Promise/
() => {
  class Twice extends Promise { then(onValue) { onValue('first'); onValue('second'); } }
  return Twice.resolve('x');
}
