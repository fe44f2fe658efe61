// Answers in time and starts a loop in a promise job afterwards: the thread is dead for the dataset that comes next.
// must: end with /TimeoutError/
// spoils the next
() => {
  const value = Promise.resolve('in time');
  value.then(() => null).then(() => null).then(() => null).then(() => { for (;;); });
  return value;
}
