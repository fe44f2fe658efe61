// Returns a proxy with a million fields.
// must: fail with /RangeError: the result is larger than 16777216 bytes|TimeoutError|TypeError/
() => new Proxy({}, {
  ownKeys: () => Array.from({ length: 1e6 }, (_, i) => `a field with a long name ${i}`),
  getOwnPropertyDescriptor: () => ({ value: 1, enumerable: true, configurable: true }),
  get: () => 'a value as long as that name',
})
