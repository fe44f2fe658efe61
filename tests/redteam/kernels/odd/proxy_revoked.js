// Returns a proxy that is revoked.
// must: fail with /TypeError/
() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return { proxy }; }
