// Sorts with a comparison that never comes to a decision.
// must: fail with /TimeoutError/
() => Array.from({ length: 100000 }, (_, i) => i).sort(() => { for (;;); })
