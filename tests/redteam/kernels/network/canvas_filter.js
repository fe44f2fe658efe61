// Draws on a canvas with a filter and a font that lie on another site.
// must: leak nothing
() => {
  const context = new OffscreenCanvas(8, 8).getContext('2d');
  context.filter = 'url(%HTTP%/filter.svg#f)';
  context.font = '8px url(%HTTP%/canvas-font.woff)';
  context.fillRect(0, 0, 8, 8);
  return context.filter;
}
