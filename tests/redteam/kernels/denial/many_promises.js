// Makes promises faster than they can be settled.
// must: fail with /TimeoutError|WorkerError|RangeError|InternalError/
() => { const kept = []; for (;;) kept.push(Promise.reject(kept.length).catch(() => {})); }
