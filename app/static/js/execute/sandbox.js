// The sandboxed frame of a page: one, with one timer worker, serves it for as long as it lives.

import { createClock } from '../../harness/clock.js';
import { openFrame } from '../../harness/frame.js';

/**
 * @typedef {{frame: import('../../harness/frame.js').Frame, clock: import('../../harness/clock.js').Clock}} Sandbox
 */

/**
 * @param {string} innerUrl
 * @returns {() => Promise<Sandbox>} what opens it, at its first call and after a failure
 */
export function createSandbox(innerUrl) {
  /** @type {Promise<Sandbox> | undefined} */
  let sandbox;
  return () => {
    sandbox ??= openFrame(innerUrl)
      .then((frame) => ({ frame, clock: createClock(frame.spawnTimer()) }))
      .catch(() => {
        sandbox = undefined;
        document.querySelector('iframe.inner')?.remove();
        throw new Error(`the sandbox at ${innerUrl} did not start. Try again in a moment.`);
      });
    return sandbox;
  };
}
