// Cuts [0, 10000) into 100 ranges of 100 numbers.
(function () {
  const end = 10000;
  const size = 100;

  function main() {
    const datasets = [];
    for (let min = 0; min < end; min += size) {
      datasets.push({ min, max: min + size });
    }
    return datasets;
  }

  return { main };
})();
