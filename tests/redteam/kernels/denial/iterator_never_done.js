// Spreads an iterator that is never done.
// must: fail with /TimeoutError|WorkerError|RangeError|InternalError/
() => [...{ [Symbol.iterator]: () => ({ next: () => ({ done: false, value: 1 }) }) }]
