// Returns a map with keys of every kind.
// must: result [[1, "a"], ["1", "b"], [null, "c"], [[1], {"x": []}]]
() => new Map([[1, 'a'], ['1', 'b'], [undefined, 'c'], [[1], { x: new Map() }]])
