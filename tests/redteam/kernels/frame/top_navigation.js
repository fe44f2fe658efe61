// Sends the page around it to another address.
// must: fail with /ReferenceError|TypeError/
() => { (globalThis.top ?? globalThis.parent).location.href = '%HTTP%/top'; return 'gone'; }
