// A kernel's source to its two functions. docs/kernel-api.md states these rules.

import { locate } from './location.js';
import * as own from './primordials.js';

const evaluateGlobally = globalThis.eval;
const parsePrototype = SyntaxError.prototype;
const FILE = 'kernel.js';
const SOURCE_NAME = `\n//# sourceURL=${FILE}`;
const STRICT = "'use strict';";
// These have the same length, so that whoever shows an error can put the columns of the first line right.
const EXPRESSION = '(() => (';
const PROGRAM = '(() => {';
const STRICT_START = 'void 0; ';
const SLOPPY_START = '        ';

/** How many characters go before the source on its first line. @param {boolean} sloppy */
export const countBefore = (sloppy) => EXPRESSION.length + (sloppy ? 0 : STRICT.length);

/**
 * Evaluate a kernel: as an expression, or, where that does not parse, as a program whose last value counts.
 * @param {string} source
 * @param {boolean} sloppy without strict mode
 * @returns {{target: object, main: Function, loadStaticDataset: Function | undefined}}
 * @throws whatever the kernel throws; TypeError when it is not a kernel
 */
export function evaluateKernel(source, sloppy) {
  const target = run(source, sloppy ? '' : STRICT);
  if (target === null || (typeof target !== 'object' && typeof target !== 'function')) {
    throw new own.TypeFailure(`the kernel must evaluate to an object with a main function, not to ${kindOf(target)}`);
  }
  const { main, loadStaticDataset } = target;
  requireFunction('main', main);
  if (loadStaticDataset !== undefined) requireFunction('loadStaticDataset', loadStaticDataset);
  return own.record({ target, main, loadStaticDataset });
}

function requireFunction(name, value) {
  if (typeof value === 'function') return;
  throw new own.TypeFailure(`the kernel's ${name} must be a function, not ${kindOf(value)}`);
}

// Each reading is first parsed as the body of a function that is not called, so that a SyntaxError which the kernel
// throws while it runs is not taken for one of its source.
function run(source, prefix) {
  const expression = parse(`${prefix}${EXPRESSION}${source}\n))`);
  if (typeof expression.made === 'function' && isClosed(source, prefix)) return (0, expression.made)();
  const program = parse(`${prefix}${PROGRAM}${source}\n})`);
  // The directive would be the value of a program that has none of its own. A sloppy one may begin with directives.
  const start = prefix === '' ? SLOPPY_START : `${prefix}${STRICT_START}`;
  if (typeof program.made === 'function') return evaluateGlobally(`${start}${source}${SOURCE_NAME}`);
  // Neither parses: a source that opens like an expression was meant as one, so that error is the useful one.
  throw locate(opensAsExpression(source) ? expression.failure : program.failure, FILE);
}

function parse(text) {
  try {
    const made = evaluateGlobally(`${text}${SOURCE_NAME}`);
    return own.record({ made, failure: new own.TypeFailure('the kernel is not one expression') });
  } catch (failure) {
    if (own.getPrototypeOf(failure) !== parsePrototype) throw failure;
    return own.record({ made: undefined, failure });
  }
}

// A source may close the parenthesis around it early and open another: then it does not stand in brackets.
const isClosed = (source, prefix) => typeof parse(`${prefix}(() => [${source}\n])`).made === 'function';

/** Whether a source that parses in neither way was meant as an expression. @param {string} source */
export function opensAsExpression(source) {
  const code = own.apply(own.charCodeAt, source, [skipBlanks(source)]);
  return code === 40 || code === 123; // ( or {
}

function skipBlanks(source) {
  let at = 0;
  for (;;) {
    const code = own.apply(own.charCodeAt, source, [at]);
    const pair = own.apply(own.textSlice, source, [at, at + 2]);
    if (code <= 32 || code === 0xfeff || code === 0xa0) at += 1;
    else if (pair === '//' || pair === '/*') at = endOfComment(source, at, pair === '//' ? '\n' : '*/');
    else return at;
  }
}

function endOfComment(source, start, close) {
  const end = own.apply(own.textIndexOf, source, [close, start + 2]);
  return end < 0 ? source.length : end + close.length;
}

function kindOf(value) {
  if (value === null || value === undefined) return `${value}`;
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
