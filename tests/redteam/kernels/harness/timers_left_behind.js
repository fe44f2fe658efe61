// Leaves timers behind that would run beside the next datasets.
// must: result []
() => ['setTimeout', 'setInterval', 'requestAnimationFrame', 'requestIdleCallback', 'queueMicrotask', 'scheduler',
  'setImmediate'].filter((name) => typeof globalThis[name] !== 'undefined')
