// Returns fields that are hidden from enumeration.
// must: result {"seen": 1}
() => Object.defineProperty({ seen: 1 }, 'hidden', { value: 2 })
