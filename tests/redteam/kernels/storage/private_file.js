// Writes a file of the origin private file system.
// must: leak nothing
async () => {
  const root = await navigator.storage.getDirectory();
  const file = await root.getFileHandle('%TOKEN%', { create: true });
  const writable = await file.createWritable();
  await writable.write('%TOKEN%');
  await writable.close();
  return 'stored';
}
