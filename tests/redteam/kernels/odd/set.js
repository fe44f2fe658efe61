// Returns sets.
// must: result [1, "1", [2], null]
() => new Set([1, '1', new Set([2]), null])
