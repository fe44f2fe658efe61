// Starves the event loop with promise jobs that make promise jobs.
// must: fail with /TimeoutError/
async () => { for (;;) await null; }
