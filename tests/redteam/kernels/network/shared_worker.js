// Starts a shared worker, which would outlive the page.
// must: leak nothing
() => new Promise((resolve, reject) => {
  const worker = new SharedWorker('%SITE%/static/dist/embed.js?%TOKEN%');
  worker.port.onmessage = resolve;
  worker.onerror = () => reject(new Error('no worker'));
})
