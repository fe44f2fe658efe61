// Draws, and reads what only this visitor's graphics would draw.
// must: fail with /.+/
() => {
  const context = new OffscreenCanvas(64, 64).getContext('webgl');
  return context.getParameter(context.getExtension('WEBGL_debug_renderer_info').UNMASKED_RENDERER_WEBGL);
}
