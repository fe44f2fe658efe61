// Opens a WebSocket to another site.
// must: leak nothing
() => new Promise((resolve, reject) => {
  const socket = new WebSocket('%WS%/socket');
  socket.onopen = () => resolve('open');
  socket.onerror = () => reject(new Error('no socket'));
})
