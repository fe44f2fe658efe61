// Opens a storage bucket.
// must: leak nothing
async () => {
  const bucket = await navigator.storageBuckets.open('%TOKEN%', { persisted: true });
  await (await bucket.getDirectory()).getFileHandle('%TOKEN%', { create: true });
  return 'stored';
}
