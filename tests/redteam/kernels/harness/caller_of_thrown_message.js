// Throws an error whose message is a sloppy getter, which walks up to the harness that reads it.
// must: fail with /Error: nobody/
() => {
  const get = Function('var c = arguments.callee.caller; return c ? "caught " + c.name : "nobody"');
  throw Object.defineProperty(new Error(), 'message', { get });
}
