/**
 * Runs before any dataset generator, and before `prelude.js`: the same seed and time give the same datasets, so that a
 * later run can repeat them. Evaluates to a function of the options (JSON text): `nowMs`, and four numbers `randomState`.
 */
(function sandbox$standStill(optionsText) {
  'use strict';

  const { construct } = Reflect;

  /** A sfc32 generator; its 128 bits of state come well mixed from the parent. Returns numbers in [0, 1). */
  function seededRandom([a, b, c, counter]) {
    function next32() {
      const sum = (a + b + counter) | 0;
      counter = (counter + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (((c << 21) | (c >>> 11)) + sum) | 0;
      return sum >>> 0;
    }
    return function random() {
      return ((next32() >>> 5) * 67108864 + (next32() >>> 6)) / 9007199254740992;
    };
  }

  /** A Date whose clock stands still at `nowMs`. Everything else about it is the real one's. */
  function standingDate(RealDate, nowMs) {
    const seeded = new Proxy(RealDate, {
      construct(target, given, newTarget) {
        return construct(target, given.length === 0 ? [nowMs] : given, newTarget);
      },
      apply: () => new RealDate(nowMs).toString(),
    });
    RealDate.now = function now() {
      return nowMs;
    };
    RealDate.prototype.constructor = seeded;
    return seeded;
  }

  const { nowMs, randomState } = JSON.parse(optionsText);
  Math.random = seededRandom(randomState);
  globalThis.Date = standingDate(Date, nowMs);
  delete globalThis.performance; // A clock that is not part of ECMAScript.
});
