// Starts a worker from a script of the compute origin, whose own policy would be another.
// must: leak nothing
() => new Promise((resolve, reject) => {
  const worker = new Worker('%SITE%/static/dist/embed.js?%TOKEN%');
  worker.onmessage = resolve;
  worker.onerror = () => reject(new Error('no worker'));
})
