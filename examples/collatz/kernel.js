// The Collatz conjecture: halve an even number, take 3n + 1 of an odd one, and every start ends at 1.
// Which number of a range takes the most steps to get there?
(function () {
  let size;

  /** The static dataset is JSON: {"size": 175}, how many numbers each range has. */
  function loadStaticDataset(text) {
    size = JSON.parse(text).size;
  }

  /**
   * How many steps lead from a BigInt to 1. The numbers are far beyond 2**53, where plain numbers lose
   * digits.
   */
  function stoppingTime(start) {
    let number = start;
    let steps = 0;
    while (number !== 1n) {
      number = number % 2n === 0n ? number / 2n : 3n * number + 1n;
      steps += 1;
    }
    return steps;
  }

  /**
   * @param {{start: string}} dataset the first number of the range, in decimal digits
   * @returns {{start: string, number: bigint, steps: number}} the number with the longest stopping time (the
   * first
   *   of them, should several share it). A BigInt beyond 64 bits is stored as a string of decimal digits.
   */
  function main({ start }) {
    const first = BigInt(start);
    let longest = { start, number: first, steps: stoppingTime(first) };
    for (let offset = 1; offset < size; offset++) {
      const number = first + BigInt(offset);
      const steps = stoppingTime(number);
      if (steps > longest.steps) longest = { start, number, steps };
    }
    return longest;
  }

  return { main, loadStaticDataset };
})();
