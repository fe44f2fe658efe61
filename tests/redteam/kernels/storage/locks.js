// Takes a lock that other tabs of the origin would see.
// must: fail with /.+/
async () => navigator.locks.request('%TOKEN%', async () => (await navigator.locks.query()).held.length)
