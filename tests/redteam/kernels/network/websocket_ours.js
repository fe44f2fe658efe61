// Opens the volunteers' socket itself, to speak as a volunteer.
// must: leak nothing
() => new Promise((resolve, reject) => {
  const socket = new WebSocket('%OURWS%?%TOKEN%');
  socket.onopen = () => { socket.send('i-1'); resolve('open'); };
  socket.onerror = () => reject(new Error('no socket'));
})
