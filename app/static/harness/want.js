// How many datasets a volunteer holds: enough for half a second of work, so that exchanges are neither many nor late.

export const EXCHANGE_MS = 500;
const MOST_HELD = 1024;
// Datasets in hand and results on their way lie in this tab's memory.
const MOST_HELD_BYTES = 32 << 20;
// A guess may be wrong: it grows at most this much from one exchange to the next.
const GROWTH = 4;
// With less than this part of their deadline to spare, datasets do not wait in a queue of ours.
const SLOW_PART = 0.25;

/**
 * @param {object} facts
 * @param {number} facts.threads
 * @param {number | undefined} facts.msPerDataset of one thread, rests included; undefined before the first answer
 * @param {number} facts.roundTripMs of the last exchange
 * @param {number} facts.deadlineMs
 * @param {number} facts.bytesPerDataset with its result
 * @param {number} facts.held the last answer of this function, 0 at first
 * @returns {number} datasets to hold, those that are being computed included
 */
export function sizeHold({ threads, msPerDataset, roundTripMs, deadlineMs, bytesPerDataset, held }) {
  if (threads === 0) return 0;
  const least = threads + 1;
  if (msPerDataset === undefined) return least;
  if (msPerDataset > deadlineMs * SLOW_PART) return threads;
  const perThread = (EXCHANGE_MS + roundTripMs) / Math.max(msPerDataset, 0.001);
  const enough = threads + Math.ceil(threads * perThread);
  const fitting = Math.floor(MOST_HELD_BYTES / Math.max(bytesPerDataset, 1));
  return Math.max(least, Math.min(enough, Math.max(least, held) * GROWTH, fitting, MOST_HELD));
}
