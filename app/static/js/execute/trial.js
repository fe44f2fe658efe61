// One run of a kernel on one dataset, by the harness' own pool: the same workers, deadline and errors as a volunteer's.

import { decodeFailure } from '../../harness/failure.js';
import { KIND_ERROR, KIND_NOTHING } from '../../harness/messages.js';
import { Pool } from '../../harness/pool.js';

export const VALUE = 'value';
export const NOTHING = 'nothing';
export const FAILED = 'failed';
export const UNLOADABLE = 'unloadable';
export const STOPPED = 'stopped';
const LEASE = 1;

/**
 * @typedef {object} Outcome
 * @property {string} kind one of the names above
 * @property {number} [ms] VALUE, NOTHING, FAILED: how long the dataset took
 * @property {Uint8Array} [bytes] VALUE: the result, as msgpack
 * @property {{name: string, message: string, stack: string}} [error] FAILED, UNLOADABLE
 */

/**
 * @typedef {object} TrialEvents
 * @property {() => void} onLoaded the kernel is loaded, and computes
 * @property {(outcome: Outcome) => void} onEnd once, whatever happens
 * @property {(level: string, text: string) => void} onLine
 * @property {(progress: number | null, note: string | null) => void} onReport
 */

/**
 * @param {{frame: import('../../harness/frame.js').Frame, clock: import('../../harness/clock.js').Clock}} sandbox
 * @param {import('../../harness/worker.js').Task} task
 * @param {Uint8Array} dataset
 * @param {TrialEvents} events
 * @returns {() => void} what stops it
 */
export function startTrial({ frame, clock }, task, dataset, { onLoaded, onEnd, onLine, onReport }) {
  let isOver = false;
  const end = (outcome) => {
    if (isOver) return;
    isOver = true;
    pool.stop();
    onEnd(outcome);
  };
  const pool = new Pool(frame, clock, {
    onLoaded: () => {
      onLoaded();
      pool.give([{ lease: LEASE, bytes: dataset }]);
    },
    onLoadFailed: (error) => end({ kind: UNLOADABLE, error: decodeFailure(error) }),
    onAnswers: ([answer]) => end(readAnswer(answer)),
    onSpent: () => {},
    onLine,
    onReport,
  });
  pool.load(task);
  return () => end({ kind: STOPPED });
}

function readAnswer({ kind, ms, payload }) {
  if (kind === KIND_ERROR) return { kind: FAILED, ms, error: decodeFailure(payload) };
  return kind === KIND_NOTHING ? { kind: NOTHING, ms } : { kind: VALUE, ms, bytes: payload };
}
