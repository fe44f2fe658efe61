// Posts to all windows of its origin, as service workers can.
// must: fail with /ReferenceError|TypeError/
async () => { for (const client of await clients.matchAll()) client.postMessage('%TOKEN%'); return 'posted'; }
