// Reads the site's pages with the visitor's cookies.
// must: leak nothing
async () => (await fetch('%WEB%/campaign/all?%TOKEN%', { credentials: 'include', mode: 'no-cors' })).type
