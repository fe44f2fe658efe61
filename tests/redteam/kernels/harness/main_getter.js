// Shows another main each time that it is asked for it.
// must: result "main 1"
// whole
(function () {
  let asked = 0;
  return {get main() {
    asked += 1;
    const number = asked;
    return (dataset) => dataset.honest ?? `main ${number}`;
  }};
})()
