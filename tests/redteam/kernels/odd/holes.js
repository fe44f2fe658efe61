// Returns an array with holes and with fields that are no items.
// must: result [null, 1, null]
() => { const list = [, 1, ,]; list.extra = 'left out'; return list; }
