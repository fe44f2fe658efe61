// Reads another site with fetch in its default mode.
// must: leak nothing
async () => (await fetch('%HTTP%/fetch.json')).text()
