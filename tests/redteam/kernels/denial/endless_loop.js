// Never returns.
// must: fail with /TimeoutError: the dataset took longer than 1000 ms/
() => { for (;;); }
