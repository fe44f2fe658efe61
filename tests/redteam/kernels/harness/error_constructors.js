// Replaces the prototypes of errors, which the harness throws and catches itself.
// must: fail with /./
() => {
  for (const kind of [Error, TypeError, RangeError, SyntaxError]) {
    Object.defineProperty(kind.prototype, 'message', { get() { return 'forged'; }, set() {} });
    Object.defineProperty(kind, Symbol.hasInstance, { value: () => true });
  }
  return Symbol('cannot be stored');
}
