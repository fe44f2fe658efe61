// Has the cache storage do the asking.
// must: leak nothing
async () => { await (await caches.open('leak')).add('%HTTP%/cached.json'); return 'cached'; }
