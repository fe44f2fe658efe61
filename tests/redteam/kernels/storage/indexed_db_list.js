// Lists the databases of the compute origin.
// must: fail with /.+/
async () => (await indexedDB.databases()).map(({ name }) => name)
