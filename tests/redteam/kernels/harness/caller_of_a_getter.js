// Walks up its callers from a sloppy getter that the harness itself calls while it encodes.
// must: result {"a": "nobody"}
() => {
  const get = Function('var c = arguments.callee.caller; return c ? "caught " + c.name : "nobody"');
  return Object.defineProperty({}, 'a', { enumerable: true, get });
}
