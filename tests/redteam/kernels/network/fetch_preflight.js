// Asks first, as a request with a header of its own does: the question alone would tell.
// must: leak nothing
async () => (await fetch('%HTTP%/asked', { method: 'PUT', headers: { 'x-secret': '1' }, body: 'b' })).status
