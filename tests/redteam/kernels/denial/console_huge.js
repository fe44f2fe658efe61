// Prints what is huge, and what takes for ever to become text.
// must: fail with /TimeoutError|RangeError/
() => {
  const text = 'x'.repeat(32 << 20);
  for (;;) console.error(text, [text], { text });
}
