// Which numbers of a range are divisible by the divisor that all datasets share?
(function () {
  let divisor;

  /** The static dataset is text; this campaign's is JSON: {"divisor": 123}. */
  function loadStaticDataset(text) {
    divisor = JSON.parse(text).divisor;
  }

  function isDivisible(number) {
    return number % divisor === 0;
  }

  /**
   * @param {{min: number, max: number}} dataset the range from min up to, but not including, max
   * @returns {number[] | null} the divisible numbers in ascending order; null stores no result for this range
   */
  function main(dataset) {
    const found = [];
    for (let number = dataset.min; number < dataset.max; number++) {
      if (isDivisible(number)) found.push(number);
    }
    return found.length > 0 ? found : null;
  }

  return { main, loadStaticDataset };
})();
