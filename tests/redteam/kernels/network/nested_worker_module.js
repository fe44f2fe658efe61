// Starts a module worker that imports from another site.
// must: leak nothing
() => new Promise((resolve, reject) => {
  const source = new Blob(['import "%HTTP%/module-worker.js"; postMessage("ran")'], { type: 'text/javascript' });
  const worker = new Worker(URL.createObjectURL(source), { type: 'module' });
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = () => reject(new Error('no worker'));
})
