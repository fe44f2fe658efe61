// Whether a source parses, said by the engine that is going to run it: in the sandbox, without running it.

import { decodeFailure } from '../../harness/failure.js';
import { opensAsExpression } from '../../harness/evaluate.js';
import { Pool } from '../../harness/pool.js';
import { findPlace, straighten } from '../execute/place.js';
import { explain } from './cause.js';

const ENDED = 'Unexpected end of the source';
const LIMIT_MS = 5000;
const LINE_END = /\r\n|[\n\r\u2028\u2029]/;
const nothing = () => {};
// The two readings of docs/kernel-api.md, each as the body of a function that nobody calls. The source begins on the
// second line, so that its columns are its own.
const asExpression = (source) => `({main() {}, read: () => (\n${source}\n)})`;
const asProgram = (source) => `({main() {}, read() {\n${source}\n}})`;

/**
 * @param {(kernel: string) => Promise<{name: string, message: string, stack: string} | undefined>} load a kernel, and
 *   give its error
 * @param {string} source
 * @returns {Promise<{message: string, line: number, column: number | undefined} | undefined>} the slip, if it has one
 */
export async function findSlip(load, source) {
  const expression = await load(asExpression(source));
  if (expression === undefined) return undefined;
  const program = await load(asProgram(source));
  if (program === undefined) return undefined;
  const [slip, other] = [expression, program].map((error) => readSlip(error, source));
  if (slip === undefined || other === undefined) return undefined;
  const isOther = compare(other, slip) > 0 || (compare(other, slip) === 0 && !opensAsExpression(source));
  return explain(source, isOther ? other : slip);
}

// Whoever wrote it meant the reading that gets further. Both may reach the end, where the brackets around it are no news.
const compare = (one, other) => one.line - other.line || (one.column ?? Infinity) - (other.column ?? Infinity) || 0;

function readSlip({ name, message, stack }, source) {
  if (name !== 'SyntaxError') return undefined;
  const lineCount = source.split(LINE_END).length;
  const place = findPlace(stack, lineCount + 1);
  if (place === undefined) return undefined;
  const line = Math.max(1, place.line - 1);
  const isWithin = place.line - 1 === line && place.column !== undefined && line <= lineCount;
  return isWithin ? { message, line, column: place.column } : { message: ENDED, line, column: undefined };
}

/**
 * @param {{name: string, message: string, stack: string}} error with which a kernel did not load
 * @param {string} source of the kernel
 * @param {number} before characters that the harness puts before it
 * @returns {{name: string, message: string, stack: string, place?: {line: number, column: number | undefined}}} with the
 *   place where somebody must look, if it did not parse
 */
export function explainFailure(error, source, before) {
  const place = error.name === 'SyntaxError'
    ? findPlace(straighten(error.stack, before), source.split(LINE_END).length) : undefined;
  if (place === undefined) return error;
  const { message, ...found } = explain(source, { ...place, message: place.column === undefined ? ENDED : error.message });
  return { ...error, message, place: found };
}

/**
 * @param {() => Promise<import('../execute/sandbox.js').Sandbox>} openSandbox
 * @param {string} kernel
 * @param {boolean} sloppy
 * @returns {ReturnType<Parameters<typeof findSlip>[0]>}
 */
export async function loadKernel(openSandbox, kernel, sloppy) {
  const { frame, clock } = await openSandbox();
  return new Promise((resolve) => {
    const pool = new Pool(frame, clock, {
      onLoaded: () => {
        pool.stop();
        resolve(undefined);
      },
      onLoadFailed: (error) => resolve(decodeFailure(error)),
      onAnswers: nothing, onSpent: nothing, onLine: nothing, onReport: nothing,
    });
    pool.load({ kernel, staticDataset: '', sloppy, deadlineMs: LIMIT_MS, maxResultBytes: 1 });
  });
}
