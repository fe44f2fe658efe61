// Returns a proxy that is revoked while it is read.
// must: fail with /TypeError/
() => {
  const { proxy, revoke } = Proxy.revocable({ a: 1, b: 2 }, { get() { revoke(); return 1; } });
  return proxy;
}
