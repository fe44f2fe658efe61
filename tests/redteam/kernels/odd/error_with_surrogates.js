// Throws an error whose message holds half surrogate pairs and NULs.
// must: fail with /Error: a\ufffdb\ufffdc/
() => { throw new Error('a\ud800b\0c'); }
