// Returns a regular expression.
// must: fail with /TypeError: the result is a RegExp, which cannot be stored/
() => /x/g
