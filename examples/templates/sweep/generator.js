// A grid: every amplitude with every rate. Whole numbers are counted
// and divided, because sums of 0.01 drift.
(function () {
  function main() {
    const datasets = [];
    for (let a = 0; a <= 20; a++) {
      for (let r = 0; r <= 40; r++) {
        datasets.push({ amplitude: (40 + a) / 5, rate: (10 + r) / 100 });
      }
    }
    return datasets;
  }

  return { main };
})();
