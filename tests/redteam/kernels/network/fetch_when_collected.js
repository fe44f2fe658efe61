// Asks from a callback that the engine makes when an object is collected, after the dataset is done.
// must: leak nothing
() => {
  const registry = new FinalizationRegistry(() => fetch('%HTTP%/collected', { mode: 'no-cors' }));
  for (let i = 0; i < 1000; i += 1) registry.register({}, i);
  for (let i = 0; i < 40; i += 1) new Uint8Array(1 << 20).fill(i);
  return 'registered';
}
