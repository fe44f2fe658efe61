// Names a source map on another site, which developer tools fetch.
// must: result "mapped"
// whole
({main: (dataset) => dataset.honest ?? 'mapped'})
//# sourceMappingURL=%HTTP%/kernel.js.map
