// Cuts [0, 2000000) into 200 ranges. The limit is also in static.json: change both together.
(function () {
  const limit = 2000000;
  const ranges = 200;
  const size = limit / ranges;

  // A function* makes its datasets one after another, so that no array of all of them is ever needed.
  function* main() {
    for (let min = 0; min < limit; min += size) {
      yield { min, max: min + size };
    }
  }

  return { main };
})();
