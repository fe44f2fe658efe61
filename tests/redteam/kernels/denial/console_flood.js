// Prints without end.
// must: fail with /TimeoutError/
() => { for (let i = 0; ; i += 1) console.log(`line ${i}`); }
