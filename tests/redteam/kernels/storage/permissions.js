// Asks which permissions the visitor gave.
// must: fail with /.+/
async () => (await navigator.permissions.query({ name: 'geolocation' })).state
