// Returns arrays and maps of classes of its own.
// must: result [[1, 2], [["k", 1]]]
() => [new (class extends Array {})(1, 2).concat(), new (class extends Map {})([['k', 1]])].map((value, i) => (
  i === 0 ? Object.assign(Object.setPrototypeOf([1, 2], class extends Array {}.prototype), {}) : value))
