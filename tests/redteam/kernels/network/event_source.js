// Subscribes to server-sent events.
// must: leak nothing
() => new Promise((resolve, reject) => {
  const source = new EventSource('%HTTP%/x.events');
  source.onmessage = ({ data }) => { source.close(); resolve(data); };
  source.onerror = () => { source.close(); reject(new Error('no events')); };
})
