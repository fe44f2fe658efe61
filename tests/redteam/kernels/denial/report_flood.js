// Reports progress without end.
// must: fail with /TimeoutError/
() => { for (let i = 0; ; i += 1) report({ progress: (i % 100) / 100, note: `note ${i}` }); }
