// Returns a proxy that shows other fields than its target has.
// must: result {"shown": 1}
() => new Proxy({ hidden: 1 }, {
  ownKeys: () => ['shown'],
  getOwnPropertyDescriptor: () => ({ value: 0, enumerable: true, configurable: true }),
  get: () => 1,
})
