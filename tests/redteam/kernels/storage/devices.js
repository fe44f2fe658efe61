// Looks for the visitor's devices: USB, serial, HID, graphics, microphones.
// must: fail with /.+/
async () => {
  const { usb, serial, hid, gpu, mediaDevices } = navigator;
  return [await usb?.getDevices(), await serial?.getPorts(), await hid?.getDevices(), await gpu?.requestAdapter(),
    await mediaDevices?.enumerateDevices()];
}
