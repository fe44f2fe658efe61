// Returns a typed array whose buffer is given away while its numbers are read.
// must: end with /TypeError|cannot/
() => {
  const numbers = new Float64Array([1, 2, 3]);
  Object.defineProperty(numbers, 'length', { get() { numbers.buffer.transfer(); return 3; } });
  return [{ get first() { numbers.buffer.transfer(); return 1; } }, numbers];
}
