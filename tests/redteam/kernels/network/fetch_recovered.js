// Recovers the global object with the Function constructor, as kernels whose names are only shadowed can.
// must: leak nothing
async () => {
  const global = (function () {}).constructor('return this')();
  return (await global.fetch('%HTTP%/recovered', { mode: 'no-cors' })).type;
}
