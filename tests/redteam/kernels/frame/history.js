// Fills the visitor's history.
// must: fail with /ReferenceError|TypeError/
() => { for (let i = 0; i < 100; i += 1) history.pushState(null, '', `#${i}`); return 'filled'; }
