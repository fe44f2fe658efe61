// Where in the owner's source an error was thrown.

const POSITION = /kernel\.js:(\d+):(\d+)/g;
const FRAME = /(?:^\s+at |@).*?kernel\.js:(\d+):(\d+)/m;

/**
 * Count the columns of a stack as the owner does: the harness puts some characters before the source's first line.
 * @param {string} stack
 * @param {number} before how many
 */
export function straighten(stack, before) {
  return stack.replace(POSITION, (text, line, column) =>
    (line === '1' ? `kernel.js:1:${Math.max(1, column - before)}` : text));
}

/**
 * @param {string} stack straightened
 * @param {number} lineCount of the source
 * @returns {{line: number, column: number | undefined} | undefined} of the innermost frame in the kernel, from 1; a
 *   source that ends too early has its error behind its last line
 */
export function findPlace(stack, lineCount) {
  const found = FRAME.exec(stack);
  if (found === null) return undefined;
  const [line, column] = [Number(found[1]), Number(found[2])];
  return line > lineCount ? { line: lineCount, column: undefined } : { line, column };
}
