// Draws random points in a square and counts those within the circle:
// 4 × inside / samples comes close to π.
(function () {
  // Math.random cannot be seeded. This one (mulberry32) gives the same
  // numbers for the same seed everywhere, so that a result can be
  // repeated.
  function makeRandom(seed) {
    let state = seed;
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let bits = Math.imul(state ^ (state >>> 15), 1 | state);
      bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
      return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  /**
   * @param {{seed: number, samples: number}} dataset
   * @returns {{inside: number, samples: number}}
   */
  function main({ seed, samples }) {
    const random = makeRandom(seed);
    let inside = 0;
    for (let i = 0; i < samples; i++) {
      // Your own experiment goes here.
      const x = random();
      const y = random();
      if (x * x + y * y < 1) inside += 1;
    }
    return { inside, samples };
  }

  return { main };
})();
