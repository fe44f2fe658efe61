// Returns nothing.
// must: result null
() => undefined
