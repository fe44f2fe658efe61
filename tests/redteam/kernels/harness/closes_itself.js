// Ends its own worker, to take the answers of others with it.
// must: fail with /ReferenceError|TypeError/
() => { close(); return 'closed'; }
