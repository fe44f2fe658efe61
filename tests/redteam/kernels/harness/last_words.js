// Writes the largest result that fits beside one that does not, in case that the harness' buffer keeps something of it.
// must: fail with /RangeError: the result is larger than 16777216 bytes/
() => ['left over '.repeat(1000), 'x'.repeat(17 << 20)]
