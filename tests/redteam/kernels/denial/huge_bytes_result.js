// Returns 64 MB of bytes.
// must: fail with /RangeError: the result is larger than 16777216 bytes/
() => new Uint8Array(64 << 20)
