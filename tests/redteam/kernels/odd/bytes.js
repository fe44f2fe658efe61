// Returns bytes in every form.
// must: result [{"bytes": "0102"}, {"bytes": "ff00"}, {"bytes": "0304"}, {"bytes": "04"}, {"bytes": ""}]
() => {
  const { buffer } = new Uint8Array([3, 4]);
  return [new Uint8Array([1, 2]), new Uint8ClampedArray([300, -1]), buffer, new DataView(buffer, 1), new ArrayBuffer(0)];
}
