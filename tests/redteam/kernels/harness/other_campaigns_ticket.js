// Looks for what the embed page holds: its ticket, its leases, its address.
// must: result []
() => {
  const found = [];
  for (const name of ['parent', 'top', 'opener', 'frames', 'frameElement', 'document', 'window', 'importScripts',
    'clients', 'registration', 'close', 'port', 'onconnect']) {
    if (typeof globalThis[name] !== 'undefined') found.push(name);
  }
  return found;
}
