// Returns a long text that ends in half a surrogate pair.
// must: result "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\ufffd"
() => `${'a'.repeat(100)}\ud83d`
