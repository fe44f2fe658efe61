// Has WebRTC connect to a TURN server over TCP.
// must: leak nothing
async () => {
  const urls = 'turn:%HOST%?transport=tcp';
  const peer = new RTCPeerConnection({ iceServers: [{ urls, username: '%TOKEN%', credential: 'x' }] });
  peer.createDataChannel('x');
  await peer.setLocalDescription(await peer.createOffer());
  return peer.localDescription.sdp;
}
