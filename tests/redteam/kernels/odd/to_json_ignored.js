// Returns objects with toJSON, toString and valueOf, which are not asked.
// must: fail with /result\.toJSON is a function, which cannot be stored/
() => ({ toJSON: () => 'other', a: 1 })
