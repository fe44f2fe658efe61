// Runs a blob: script with importScripts, which then asks another site.
// must: leak nothing
() => {
  importScripts(URL.createObjectURL(new Blob(['fetch("%HTTP%/from-blob")'])));
  return 'ran';
}
