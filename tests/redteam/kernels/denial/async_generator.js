// Reads an endless asynchronous generator.
// must: fail with /TimeoutError/
async () => {
  const endless = async function* () { for (let n = 0; ; n += 1) yield n; };
  let sum = 0;
  for await (const n of endless()) sum += n;
  return sum;
}
