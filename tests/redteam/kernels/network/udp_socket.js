// Opens a UDP socket of the direct sockets interface.
// must: leak nothing
async () => {
  const [remoteAddress, remotePort] = '%UDP%'.split(':');
  const { writable } = await new UDPSocket({ remoteAddress, remotePort: Number(remotePort) }).opened;
  await writable.getWriter().write({ data: new Uint8Array([1]) });
  return 'sent';
}
