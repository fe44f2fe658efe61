// Stops the page around it with dialogs.
// must: fail with /ReferenceError|TypeError/
() => { alert('x'); prompt('x'); confirm('x'); print(); return 'shown'; }
