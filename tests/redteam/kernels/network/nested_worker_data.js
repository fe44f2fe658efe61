// Starts a worker from a data: address.
// must: leak nothing
() => new Promise((resolve, reject) => {
  const worker = new Worker('data:text/javascript,fetch("%HTTP%/nested-data").then(() => postMessage("sent"))');
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = () => reject(new Error('no worker'));
})
