// Returns fields that are undefined or null.
// must: result {"kept": null, "list": [null]}
() => ({ gone: undefined, kept: null, list: [undefined] })
