// Throws for every dataset that it is attacked with, at once.
// must: fail with /Error: no/
() => { throw new Error('no'); }
