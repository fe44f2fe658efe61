// Gives Object.prototype the methods by which values become text, numbers or iterators.
// must: result {"n": 1, "s": "t"}
() => {
  for (const symbol of [Symbol.toPrimitive, Symbol.iterator, Symbol.asyncIterator, Symbol.isConcatSpreadable]) {
    Object.defineProperty(Object.prototype, symbol, { configurable: true, value: () => 'forged' });
  }
  return { n: 1, s: 't' };
}
