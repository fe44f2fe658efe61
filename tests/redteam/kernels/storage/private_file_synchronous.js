// Writes a file through a synchronous access handle, which only workers have.
// must: leak nothing
async () => {
  const root = await navigator.storage.getDirectory();
  const handle = await (await root.getFileHandle('%TOKEN%', { create: true })).createSyncAccessHandle();
  handle.write(new TextEncoder().encode('%TOKEN%'));
  handle.flush();
  handle.close();
  return 'stored';
}
