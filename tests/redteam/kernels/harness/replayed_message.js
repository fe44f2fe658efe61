// Dispatches a message event of its own, as if another batch of datasets had come.
// must: fail with /ReferenceError|TypeError/
() => dispatchEvent(new MessageEvent('message', { data: ['compute', [new Uint8Array([0x80])]] }))
