// Opens a WebTransport session: HTTP/3, over UDP.
// must: leak nothing
async () => {
  const transport = new WebTransport('https://%UDP%/session', {
    serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(32) }],
  });
  await transport.ready;
  return 'open';
}
