// Returns from the bottom of a nearly full stack, so that the harness has little of it left.
// must: result 0
() => {
  const value = { get at() { const deeper = () => { try { return deeper() + 1; } catch { return 0; } }; return deeper(); } };
  return value.at > 0 ? value.at * 0 : 1;
}
