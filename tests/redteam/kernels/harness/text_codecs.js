// Replaces the methods of TextEncoder and TextDecoder, which see every text.
// must: result "héllo, a text that is long enough not to be written as short ASCII"
// whole
(function () {
  const seen = [];
  for (const owner of [TextEncoder.prototype, TextDecoder.prototype]) {
    for (const name of ['encode', 'encodeInto', 'decode']) {
      const old = owner[name];
      if (old) owner[name] = function (...given) { seen.push(given); return Reflect.apply(old, this, given); };
    }
  }
  return {main(dataset) {
    if (seen.length > 0) throw new Error(`seen ${seen.length}`);
    return dataset.honest ?? 'héllo, a text that is long enough not to be written as short ASCII';
  }};
})()
