// Returns fields with odd names: empty, numbers, NUL, very long, surrogates.
// must: result {"1": "one", "": "empty", "\u0000": "nul", "😀": "smile", "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk": 40}
() => ({ '': 'empty', 1: 'one', '\0': 'nul', '😀': 'smile', ['k'.repeat(40)]: 40 })
