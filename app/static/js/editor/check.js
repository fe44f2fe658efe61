// Whether a source parses, said by the engine that is going to run it: in the sandbox, without running it.

import { decodeFailure } from '../../harness/failure.js';
import { opensAsExpression } from '../../harness/evaluate.js';
import { Pool } from '../../harness/pool.js';
import { findPlace } from '../execute/place.js';

const LIMIT_MS = 5000;
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
  return readSlip(opensAsExpression(source) ? expression : program, source);
}

function readSlip({ name, message, stack }, source) {
  if (name !== 'SyntaxError') return undefined;
  const lineCount = source.split(/\r\n|[\n\r\u2028\u2029]/).length;
  const place = findPlace(stack, lineCount + 1);
  if (place === undefined) return undefined;
  const line = Math.max(1, place.line - 1);
  return { message, line, column: place.line - 1 === line && line <= lineCount ? place.column : undefined };
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
