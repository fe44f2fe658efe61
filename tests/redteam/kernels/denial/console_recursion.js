// Prints something that prints itself when it is made into text.
// must: end with /./
() => {
  const again = { toJSON() { console.log(again); return again; } };
  console.log(again);
  return 'printed';
}
