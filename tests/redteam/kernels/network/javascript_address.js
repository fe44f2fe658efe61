// Imports addresses of schemes that might be overlooked.
// must: fail with /.+/
async () => {
  const schemes = ['javascript:1', 'filesystem:%SITE%/temporary/x.js', 'about:blank', 'file:///etc/hostname', 'node:fs'];
  for (const address of schemes) {
    const imported = await import(address).then(() => address, () => undefined);
    if (imported !== undefined) return imported;
  }
  throw new Error('none of them');
}
