// How well does the curve amplitude × exp(−rate × time) fit the
// measurements, for one choice of both parameters?
(function () {
  let times;
  let values;

  /** Called once in each thread, before the first dataset. */
  function loadStaticDataset(text) {
    ({ times, values } = JSON.parse(text));
  }

  // Your own model goes here.
  function predict(time, { amplitude, rate }) {
    return amplitude * Math.exp(-rate * time);
  }

  /**
   * @param {{amplitude: number, rate: number}} dataset one combination
   * @returns {{amplitude: number, rate: number, error: number}} with the
   *   sum of the squared differences
   */
  function main(dataset) {
    let error = 0;
    for (let i = 0; i < times.length; i++) {
      error += (values[i] - predict(times[i], dataset)) ** 2;
    }
    return { ...dataset, error };
  }

  return { main, loadStaticDataset };
})();
