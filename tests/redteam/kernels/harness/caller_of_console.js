// Prints an object whose toJSON is a sloppy function, which walks up to the harness that prints.
// must: result "nobody"
() => {
  let seen = 'nobody';
  const note = (name) => { seen = `caught ${name}`; };
  const climb = Function('note', 'return function () { var c = arguments.callee.caller; if (c) note(c.name); return 1; }');
  console.log({ toJSON: climb(note) });
  report({ note: { toString: climb(note) }, progress: { valueOf: climb(note) } });
  return seen;
}
