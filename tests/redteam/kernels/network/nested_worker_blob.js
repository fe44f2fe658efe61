// Starts a worker from a blob, which asks another site.
// must: leak nothing
() => new Promise((resolve, reject) => {
  const worker = new Worker(URL.createObjectURL(new Blob(['fetch("%HTTP%/nested").then(() => postMessage("sent"))'])));
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = () => reject(new Error('no worker'));
})
