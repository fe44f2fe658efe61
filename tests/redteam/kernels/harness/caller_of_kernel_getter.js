// Has a sloppy getter for main, which walks up to the harness that asks for it while it loads the kernel.
// must: result "nobody"
// whole
(function () {
  let seen = 'nobody';
  const find = Function('note', 'return function () { var c = arguments.callee.caller; if (c) note(c.name); '
    + 'return function (d) { return d.honest || this.seen(); }; }')((name) => { seen = `caught ${name}`; });
  return Object.defineProperty({ seen: () => seen }, 'main', { get: find });
})()
