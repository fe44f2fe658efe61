// Sends a request whose body is a stream.
// must: leak nothing
async () => {
  const body = new ReadableStream({ start(stream) { stream.enqueue(new TextEncoder().encode('x')); stream.close(); } });
  return (await fetch('%HTTP%/stream', { method: 'POST', body, duplex: 'half' })).status;
}
