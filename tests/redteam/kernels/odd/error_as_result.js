// Returns errors, which are stored by name and message.
// must: result [{"name": "TypeError", "message": "odd"}, {"name": "Mine", "message": ""}]
() => [new TypeError('odd'), Object.assign(new Error(''), { name: 'Mine', stack: 'hidden' })]
