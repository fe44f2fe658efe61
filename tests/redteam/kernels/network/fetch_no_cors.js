// Sends to another site without asking to read the answer.
// must: leak nothing
() => fetch('%HTTP%/opaque', { mode: 'no-cors', method: 'POST', body: 'secret' }).then(() => 'sent')
