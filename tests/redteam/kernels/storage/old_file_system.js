// Writes to Chromium's old synchronous file system.
// must: leak nothing
() => {
  const system = webkitRequestFileSystemSync(PERSISTENT, 1024);
  system.root.getFile('%TOKEN%', { create: true });
  return 'stored';
}
