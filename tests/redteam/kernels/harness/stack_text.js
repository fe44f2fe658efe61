// Reads addresses and names of the harness out of a stack, to find a way back in.
// must: fail with /.+/
async () => {
  const address = /blob:[^\s)]+?(?=:\d)/.exec(new Error('x').stack)?.[0] ?? 'blob:null/none';
  return Object.keys(await import(address));
}
