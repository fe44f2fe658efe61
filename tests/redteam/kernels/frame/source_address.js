// Names another site as its own address, then throws: whoever shows the error may look it up.
// must: fail with /from elsewhere/
// whole
({main(dataset) { if (dataset.honest !== undefined) return dataset.honest; throw new Error('from elsewhere'); }})
//# sourceURL=%HTTP%/kernel.js
