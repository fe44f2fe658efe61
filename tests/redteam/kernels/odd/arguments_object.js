// Returns the arguments of a function.
// must: result {"0": "a", "1": "b"}
() => (function () { return arguments; })('a', 'b')
