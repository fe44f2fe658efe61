// Returns a field that is called __proto__, which is a field like any other.
// must: result {"__proto__": {"polluted": 1}, "a": 1, "constructor": 2}
() => JSON.parse('{"__proto__": {"polluted": 1}, "a": 1, "constructor": 2}')
