// Asks for stored passwords and for keys.
// must: fail with /.+/
async () => [await navigator.credentials.get({ password: true }), await crypto.subtle.generateKey('Ed25519', true, [])]
