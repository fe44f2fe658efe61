// Imports a blob: module, made here or guessed.
// must: fail with /.+/
async () => {
  const address = typeof Blob === 'undefined'
    ? 'blob:null/00000000-0000-4000-8000-000000000000'
    : URL.createObjectURL(new Blob(['fetch("%HTTP%/from-blob-module")'], { type: 'text/javascript' }));
  return Object.keys(await import(address));
}
