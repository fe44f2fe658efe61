// Replaces its own main while it runs, by one that throws.
// must: result "first main"
// whole
({
  main(dataset) {
    this.main = () => { throw new Error('second main'); };
    return dataset.honest ?? 'first main';
  },
})
