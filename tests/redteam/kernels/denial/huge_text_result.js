// Returns a text larger than a result may be.
// must: fail with /RangeError: the result is larger than 16777216 bytes/
() => 'x'.repeat(17 << 20)
