// Opens a WebSocketStream, the newer interface to the same.
// must: leak nothing
async () => { await new WebSocketStream('%WS%/stream').opened; return 'open'; }
