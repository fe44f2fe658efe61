// Has the harness itself throw where the stack is prepared by the kernel, and keeps what it sees there.
// must: fail with /a function, which cannot be stored/
() => {
  Error.prepareStackTrace = (error, frames) => { globalThis.seen = frames.map((frame) => frame.getThis?.()); return ''; };
  Error.stackTraceLimit = 100;
  return () => {};
}
