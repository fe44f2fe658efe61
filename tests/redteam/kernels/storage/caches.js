// Keeps an answer in the cache storage.
// must: leak nothing
async () => {
  const cache = await caches.open('%TOKEN%');
  await cache.put('https://example.org/%TOKEN%', new Response('%TOKEN%'));
  return (await cache.keys()).length;
}
