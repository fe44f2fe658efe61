// Imports in many ways at once, in case that a policy check is cached.
// must: fail with /.+/
async () => {
  const addresses = Array.from({ length: 50 }, (_, i) => `%HTTP%/many${i}.js`);
  const imported = await Promise.allSettled(addresses.map((address) => import(address)));
  if (imported.every(({ status }) => status === 'rejected')) throw new Error('none of them');
  return 'imported';
}
