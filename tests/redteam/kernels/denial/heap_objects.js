// Fills the heap with small objects.
// must: fail with /TimeoutError|WorkerError|RangeError|InternalError/
() => { const kept = []; for (;;) kept.push({ at: kept.length, list: [1, 2, 3] }); }
