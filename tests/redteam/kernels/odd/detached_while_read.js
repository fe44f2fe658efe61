// Returns a typed array whose buffer is given away while its numbers are read.
// must: fail with /TypeError: result\[1\] is memory that is no longer there, which cannot be stored/
() => {
  const numbers = new Float64Array([1, 2, 3]);
  Object.defineProperty(numbers, 'length', { get() { numbers.buffer.transfer(); return 3; } });
  return [{ get first() { numbers.buffer.transfer(); return 1; } }, numbers];
}
