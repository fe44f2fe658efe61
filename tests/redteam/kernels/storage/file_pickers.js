// Asks for the visitor's files.
// must: fail with /.+/
async () => (await showOpenFilePicker()).length
