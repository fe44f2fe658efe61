// Matches with a regular expression that takes for ever.
// must: fail with /TimeoutError/
() => /^(\w+\s?)+$/.test(`${'aaaaaaaaaaaaaaa '.repeat(400)}!`)
