// Leaves strict mode through functions made at run time, to reach a caller's arguments.
// must: result []
() => {
  const sloppy = Function('return (function f() { return f.caller ? [f.caller.name] : []; })()');
  try { return sloppy().filter((name) => !['anonymous', 'attack', 'main'].includes(name)); } catch { return []; }
}
