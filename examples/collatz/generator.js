// 100 ranges of 175 numbers, one after another, from a number beyond 64 bits.
(function () {
  const first = 3179389980591125407167n;
  const size = 175n; // Also in static.json: change both together.
  const ranges = 100n;

  function main() {
    const datasets = [];
    for (let range = 0n; range < ranges; range++) {
      // A dataset holds no BigInt, and a plain number would lose its last digits: so decimal digits in a
      // string.
      datasets.push({ start: String(first + range * size) });
    }
    return datasets;
  }

  return { main };
})();
