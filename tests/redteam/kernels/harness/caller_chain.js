// Walks up its callers from a sloppy function, to the harness' arguments.
// must: result []
() => {
  const climb = Function(`
    var found = [], caller = arguments.callee.caller;
    while (caller) { found.push(caller.name); caller = caller.caller; }
    return found;`);
  const before = ['attack', 'main', ''];
  try { return climb().filter((name) => !before.includes(name)); } catch { return []; }
}
