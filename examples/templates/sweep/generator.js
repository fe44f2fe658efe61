// A grid: every amplitude with every rate. Whole numbers are counted, because sums of 0.1 drift.
(function () {
  function main() {
    const datasets = [];
    for (let a = 0; a <= 20; a++) {
      for (let r = 0; r <= 40; r++) {
        datasets.push({ amplitude: 8 + a / 5, rate: 0.1 + r / 100 });
      }
    }
    return datasets;
  }

  return { main };
})();
