// Never finishes reading its static dataset.
// must: refuse with /TimeoutError: loading the kernel took longer than/
// whole
({main: () => 1, loadStaticDataset: () => new Promise(() => {})})
