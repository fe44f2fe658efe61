// Writes a cookie with the cookie store.
// must: leak nothing
async () => { await cookieStore.set('%TOKEN%', '1'); return (await cookieStore.getAll()).length; }
