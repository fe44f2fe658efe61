// Prints something that prints itself when it is made into text.
// must: result "printed"
() => {
  const again = { toJSON() { console.log(again); return again; } };
  console.log(again);
  return 'printed';
}
