// Runs in volunteers' browsers. main gets one dataset, and what it
// returns is stored as the result of that dataset.
(function () {
  // Put your own function here. This one counts a number's divisors.
  function compute(n) {
    let divisors = 0;
    for (let d = 1; d * d <= n; d++) {
      if (n % d === 0) divisors += d * d === n ? 1 : 2;
    }
    return divisors;
  }

  /**
   * @param {{from: number, to: number}} dataset a piece of the range,
   *   `to` not included
   * @returns {number[]} one value for each number of the piece
   */
  function main({ from, to }) {
    const values = [];
    for (let n = from; n < to; n++) values.push(compute(n));
    return values;
  }

  return { main };
})();
