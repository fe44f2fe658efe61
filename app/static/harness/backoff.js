// When to connect again after a connection ended: never at once and never all tabs together.

import {
  CLOSE_GOING_AWAY, CLOSE_LOST, CLOSE_NO_STATUS, CLOSE_RESTARTING, CLOSE_SERVER_ERROR, CLOSE_TRY_LATER,
} from './messages.js';

const COMES_BACK = new Set([
  CLOSE_GOING_AWAY, CLOSE_NO_STATUS, CLOSE_LOST, CLOSE_SERVER_ERROR, CLOSE_RESTARTING, CLOSE_TRY_LATER,
]);
const FIRST_MS = 1000;
const FIRST_LATER_MS = 15_000;
const MOST_MS = 60_000;

/** @param {number} code @returns {boolean} whether the server, or another one, may be there again */
export const comesBack = (code) => COMES_BACK.has(code);

/**
 * @param {number} code why the last connection ended
 * @param {number} failures connections in a row that ended before they did anything
 * @param {() => number} random in [0, 1)
 * @returns {number} ms to wait
 */
export function sizeBackoff(code, failures, random) {
  const first = code === CLOSE_TRY_LATER ? FIRST_LATER_MS : FIRST_MS;
  const most = Math.min(MOST_MS, first * 2 ** failures);
  return most * (0.5 + random() / 2);
}
