// Sends a request that outlives its worker.
// must: leak nothing
() => { fetch('%HTTP%/keepalive', { keepalive: true, method: 'POST', body: 'x', mode: 'no-cors' }); return 'sent'; }
