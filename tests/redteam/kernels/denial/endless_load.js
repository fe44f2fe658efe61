// Never finishes being evaluated.
// must: refuse with /TimeoutError: loading the kernel took longer than/
// whole
for (;;); ({main: () => 1})
