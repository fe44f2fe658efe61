// Answers from a promise and throws afterwards, in a job of its own.
// must: result "answered"
() => new Promise((resolve) => {
  resolve('answered');
  Promise.resolve().then(() => { throw new Error('afterwards'); });
})
