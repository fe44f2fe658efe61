// Closes the function around its source, and reads the harness' variables from there.
// must: refuse with /SyntaxError/
// whole
0))(); try { port.postMessage(['answers', [1, 0, null]]); } catch {} ((() => ({main: () => 'evil'})
