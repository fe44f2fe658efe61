// Reads what tells one visitor from another: the browser's names, its host, its address, its clock.
// must: result []
() => ['navigator', 'location', 'origin', 'performance', 'crypto', 'name', 'isSecureContext', 'crossOriginIsolated']
  .filter((name) => typeof globalThis[name] !== 'undefined')
