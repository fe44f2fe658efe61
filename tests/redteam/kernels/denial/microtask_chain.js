// Starves the event loop with a chain of jobs beside a promise that never settles.
// must: fail with /TimeoutError/
() => {
  const again = () => Promise.resolve().then(again);
  again();
  return new Promise(() => {});
}
