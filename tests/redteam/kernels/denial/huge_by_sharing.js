// Returns a small object that is huge when written out: every level holds the one below it ten times.
// must: fail with /RangeError: the result is larger than 16777216 bytes|TimeoutError/
() => {
  let level = ['bottom'];
  for (let i = 0; i < 20; i += 1) level = Array(10).fill(level);
  return level;
}
