// Loads a font.
// must: leak nothing
async () => {
  const font = new FontFace('leak', 'url(%HTTP%/font.woff2)');
  self.fonts.add(font);
  await font.load();
  return 'loaded';
}
