// Sends a beacon.
// must: leak nothing
() => navigator.sendBeacon('%HTTP%/beacon', 'secret')
