// Fills the heap with strings that share nothing.
// must: fail with /TimeoutError|WorkerError|RangeError|InternalError/
() => { const kept = []; for (let i = 0; ; i += 1) kept.push(`${i}`.padStart(1 << 20, `${i}`) + i); }
