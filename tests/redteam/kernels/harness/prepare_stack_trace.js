// Reads the harness' functions and their `this` out of the frames of a stack trace.
// must: result []
// whole
(function () {
  const caught = [];
  Error.prepareStackTrace = (error, frames) => {
    for (const frame of frames) {
      const [self, called] = [frame.getThis?.(), frame.getFunction?.()];
      if (self !== undefined && self !== globalThis) caught.push('this');
      if (called !== undefined && !/attack|main/.test(called.name)) caught.push(called.name);
    }
    return 'no stack';
  };
  return {main(dataset) { `${new Error('x').stack}`; return dataset.honest ?? caught; }};
})()
