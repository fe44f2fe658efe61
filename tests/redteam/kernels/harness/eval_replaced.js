// Replaces eval and Function, as if another kernel were to be evaluated here.
// must: result "still here"
() => {
  globalThis.eval = () => ({ main: () => 'forged' });
  Function.prototype.constructor = () => () => 'forged';
  return 'still here';
}
