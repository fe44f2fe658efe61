// Reports things that run code when they are read, and numbers that are none.
// must: result "reported"
() => {
  const evil = { get progress() { throw new Error('progress'); }, get note() { return { toString: () => 1 }; } };
  for (const told of [evil, { progress: NaN }, { progress: -1, note: 'x'.repeat(1 << 20) }, null, 5, Symbol('x')]) {
    try { report(told); } catch { /* its own error */ }
  }
  return 'reported';
}
