// Has WebRTC ask a STUN server for the visitor's address.
// must: leak nothing
async () => {
  const peer = new RTCPeerConnection({ iceServers: [{ urls: 'stun:%UDP%' }] });
  peer.createDataChannel('x');
  await peer.setLocalDescription(await peer.createOffer());
  return peer.localDescription.sdp;
}
