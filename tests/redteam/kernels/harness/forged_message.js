// Posts an answer for the next dataset through every postMessage that it can find.
// must: result "nothing to post with"
() => {
  const forged = ['answers', [1, 0, new Uint8Array([0xa6, 70, 79, 82, 71, 69, 68])]];
  const posts = [globalThis.postMessage, globalThis.MessagePort?.prototype.postMessage, globalThis.self?.postMessage];
  for (const post of posts) if (post) { post.call(globalThis, forged); return 'posted'; }
  return 'nothing to post with';
}
