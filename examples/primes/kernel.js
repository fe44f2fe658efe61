// How many primes are there in a range? A segmented sieve of Eratosthenes.
(function () {
  /**
   * Primes up to the square root of the limit: every composite number below the limit has one of them as a
   * factor.
   */
  let basePrimes;

  /** The static dataset is JSON: {"limit": 2000000}. No dataset reaches beyond the limit. */
  function loadStaticDataset(text) {
    basePrimes = primesUpTo(Math.floor(Math.sqrt(JSON.parse(text).limit)));
  }

  function primesUpTo(last) {
    const isComposite = new Uint8Array(last + 1);
    const primes = [];
    for (let number = 2; number <= last; number++) {
      if (isComposite[number]) continue;
      primes.push(number);
      for (let multiple = number * number; multiple <= last; multiple += number) isComposite[multiple] = 1;
    }
    return primes;
  }

  /** Marks every multiple of the prime in [min, max), but never the prime itself. */
  function strikeOut(isComposite, prime, min, max) {
    const firstInRange = Math.ceil(min / prime) * prime;
    for (let multiple = Math.max(firstInRange, prime * prime); multiple < max; multiple += prime) {
      isComposite[multiple - min] = 1;
    }
  }

  /**
   * @param {{min: number, max: number}} dataset the range from min up to, but not including, max
   * @returns {{min: number, max: number, count: number, largest: number | null}} the range, how many primes
   * it has,
   *   and the largest of them
   */
  function main({ min, max }) {
    const isComposite = new Uint8Array(max - min);
    for (const prime of basePrimes) strikeOut(isComposite, prime, min, max);

    let count = 0;
    let largest = null;
    for (let number = Math.max(min, 2); number < max; number++) {
      if (isComposite[number - min]) continue;
      count += 1;
      largest = number;
    }
    return { min, max, count, largest };
  }

  return { main, loadStaticDataset };
})();
