// Time for the embed page, kept by a worker because a page's own timers slow down when it is hidden.

import { TIMER_SET } from './messages.js';

/**
 * @typedef {object} Clock
 * @property {() => number} now in ms, never going back
 * @property {(ms: number, act: () => void) => () => void} after calls `act` once; gives what calls it off
 */

/**
 * @param {MessagePort} port of the timer worker
 * @returns {Clock}
 */
export function createClock(port) {
  const waiting = new Map();
  let lastId = 0;
  port.onmessage = ({ data: id }) => {
    const act = waiting.get(id);
    waiting.delete(id);
    act?.();
  };
  return {
    now: () => performance.now(),
    after(ms, act) {
      const id = (lastId += 1);
      waiting.set(id, act);
      port.postMessage([TIMER_SET, id, Math.max(0, ms)]);
      return () => waiting.delete(id);
    },
  };
}
