// Throws where nobody catches it, to make errors in the page around it.
// must: result "threw"
() => {
  for (let i = 0; i < 10; i += 1) Promise.reject(new Error('%TOKEN%'));
  Promise.resolve().then(() => { throw new Error('%TOKEN%'); });
  return 'threw';
}
