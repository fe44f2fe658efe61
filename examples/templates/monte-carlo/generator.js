// Each dataset is a seed and a number of samples. Add up all results
// in the end.
(function () {
  const datasetCount = 200;
  const samples = 2000000;

  function main() {
    const datasets = [];
    for (let seed = 1; seed <= datasetCount; seed++) {
      datasets.push({ seed, samples });
    }
    return datasets;
  }

  return { main };
})();
