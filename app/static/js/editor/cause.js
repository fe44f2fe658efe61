// From the place where an engine noticed that a source does not parse to the place where somebody must look.

import { javascriptLanguage } from '@codemirror/lang-javascript';

import { findBracketFault } from './brackets.js';

const ENGINE_LINE_END = /\r\n|[\n\r\u2028\u2029]/g;
const EDITOR_LINE_END = /\r\n?|\n/g;
// What cannot be the last thing before a closing bracket, a semicolon or the next statement.
const UNFINISHED = /^(?:=>|\?\.|[-+*/%&|^<>=!?:.~]+|new|typeof|void|in|of|instanceof)$/;
const COUNTS = new Set(['++', '--']);
const ENDS = new Set(['', ')', ']', '}', ';', ',', ':', '{']);
const CLOSING = new Set([')', ']', '}']);
// What has commas between its parts, and what has not.
const LISTS = new Map([['ObjectExpression', true], ['ArrayExpression', true], ['ArgList', true], ['Block', false], ['ClassBody', false]]);
const BEGINS_PART = /^[\p{ID_Start}$_\d"'`[{]/u;
const OFTEN_MISSPELT = [
  'async', 'await', 'break', 'case', 'catch', 'class', 'const', 'continue', 'else', 'finally', 'for', 'function', 'let', 'new',
  'return', 'switch', 'throw', 'try', 'typeof', 'while', 'yield',
];
const NO_MODULE = 'A source is no module: there is nothing to import, and its last value counts, without “export”.';

/**
 * @typedef {object} Slip
 * @property {string} message
 * @property {number} line from 1
 * @property {number | undefined} column from 1; undefined: the end of the line
 */

/**
 * @param {string} source
 * @param {Slip} slip as an engine says it, its lines counted as engines do
 * @returns {Slip} as its owner should see it, its lines counted as editors do
 */
export function explain(source, slip) {
  const at = findOffset(source, slip);
  const tree = javascriptLanguage.parser.parse(source);
  const found = findUnclosedText(source, tree, at) ?? findModuleWord(source, at)
    ?? (hasError(tree) ? findCause(source, tree, at, slip.message) : undefined);
  const noticed = findPlace(source, at);
  if (found === undefined) return { ...noticed, ...(slip.column === undefined && { column: undefined }), message: slip.message };
  const place = findPlace(source, found.from);
  const isElsewhere = place.line !== noticed.line && at < source.trimEnd().length;
  return { ...place, message: `${found.words}${isElsewhere ? ` Noticed in line ${noticed.line}:` : ''} ${slip.message}` };
}

function findCause(source, tree, at, message) {
  const tokens = listTokens(source, tree);
  const here = tokens.find(({ to }) => to > at) ?? { text: '', from: source.length, to: source.length };
  const before = tokens.findLast(({ to }) => to <= at);
  return findMisspelt(source, here, before) ?? findBracket(source, tokens, here, message)
    ?? findUnfinished(source, here, before) ?? findMissingComma(tree, here, before);
}

// A source without one fails for another reason, such as a name declared twice, or text that it parses itself.
function hasError(tree) {
  let found = false;
  tree.iterate({ enter: ({ type }) => { found ||= type.isError; return !found; } });
  return found;
}

/** @returns {import('./brackets.js').Token[]} the source's, without comments; a text is one */
function listTokens(source, tree) {
  const tokens = [];
  tree.iterate({
    enter({ name, from, to, node }) {
      const isText = name === 'String' || name === 'RegExp';
      if (name.endsWith('Comment')) return false;
      if (!isText && node.firstChild !== null) return true;
      const text = isText ? `a ${name}` : source.slice(from, to).trim();
      if (text !== '') tokens.push({ text, from, to: isText ? to : from + text.length, isName: name === 'VariableName' });
      return false;
    },
  });
  return tokens;
}

function findUnclosedText(source, tree, at) {
  const noQuote = 'This text has no closing quote on its line.';
  const words = new Map([['\'', noQuote], ['"', noQuote], ['/*', 'This comment is never closed.']]);
  const quote = source.slice(at, at + 2) === '/*' ? '/*' : source[at];
  if (words.has(quote) && !isWhole(source, at, quote)) return { from: at, words: words.get(quote) };
  const template = findOpenTemplate(source, tree);
  return template === undefined || template > at ? undefined : { from: template, words: 'This template literal is never closed.' };
}

function isWhole(source, at, quote) {
  if (quote === '/*') return source.includes('*/', at + 2);
  return new RegExp(String.raw`^${quote}(?:[^\\\n\r${quote}]|\\[^])*${quote}`).test(source.slice(at));
}

function findOpenTemplate(source, tree) {
  let open;
  tree.iterate({
    enter({ name, from, to }) {
      if (name === 'TemplateString' && open === undefined && (to === from + 1 || source[to - 1] !== '`')) open = from;
    },
  });
  return open;
}

// Engines stop at the word, or behind it.
function findModuleWord(source, at) {
  const waiting = BEGINS_PART.test(source.slice(at)) ? /\bawait\s+$/.exec(source.slice(0, at)) : null;
  if (waiting !== null) return { from: waiting.index, words: '“await” needs a function that is “async”.' };
  const behind = /\b(?:import|export)\s+$/.exec(source.slice(0, at));
  const isHere = /^(?:import|export)\b(?!\s*[(.])/.test(source.slice(at));
  return behind !== null || isHere ? { from: isHere ? at : behind.index, words: NO_MODULE } : undefined;
}

function findMisspelt(source, here, before) {
  if (!before?.isName || /[\n\r]/.test(source.slice(before.to, here.from))) return undefined;
  const meant = OFTEN_MISSPELT.find((word) => isNear(before.text, word));
  return meant && { from: before.from, words: `Is “${before.text}” meant to be “${meant}”?` };
}

// One letter too many, too few or another one, or two that changed places.
function isNear(given, word) {
  if (given === word || Math.abs(given.length - word.length) > 1) return false;
  let start = 0;
  while (start < word.length && given[start] === word[start]) start += 1;
  const [left, right] = [given.slice(start), word.slice(start)];
  const rests = [[1, 0], [0, 1], [1, 1]].map(([skipped, missed]) => left.slice(skipped) === right.slice(missed));
  const isTurned = left[0] === right[1] && left[1] === right[0] && left.slice(2) === right.slice(2);
  return word.length > 2 && (isTurned || rests.includes(true));
}

function findBracket(source, tokens, here, message) {
  const fault = findBracketFault(tokens, source);
  const isNoticed = ENDS.has(here.text) || message.startsWith('missing )');
  if (fault === undefined || !isNoticed || (fault.kind === 'open' && fault.token.from >= here.from)) return undefined;
  const { kind, token: { text, from } } = fault;
  if (kind === 'open') return { from, words: `This “${text}” is never closed.` };
  if (kind === 'extra') return { from, words: `This “${text}” closes nothing.` };
  const { line } = findPlace(source, fault.opener.from);
  return { from, words: `This “${text}” closes the “${fault.opener.text}” of line ${line}: there is one too many, here or before.` };
}

function findUnfinished(source, here, before) {
  if (before === undefined || !UNFINISHED.test(before.text) || COUNTS.has(before.text)) return undefined;
  const isNextLine = /[\n\r]/.test(source.slice(before.to, here.from));
  if (!ENDS.has(here.text) && !isNextLine) return undefined;
  return { from: before.from, words: `Something is missing after “${before.text}”.` };
}

// What is listed in brackets and comes after another such part without a comma.
function findMissingComma(tree, here, before) {
  if (before === undefined || ENDS.has(before.text) !== CLOSING.has(before.text) || !BEGINS_PART.test(here.text)) return undefined;
  const last = tree.resolveInner(before.to, -1);
  let node = CLOSING.has(before.text) ? last.parent?.parent : last.parent;
  while (node && !LISTS.has(node.name)) node = node.parent;
  return LISTS.get(node?.name) ? { from: before.from, words: 'Is a comma missing after this?' } : undefined;
}

function findOffset(source, { line, column }) {
  const ends = [...source.matchAll(ENGINE_LINE_END)].map(({ index, 0: text }) => index + text.length);
  const start = line > 1 ? ends[line - 2] ?? source.length : 0;
  return column === undefined ? source.length : Math.min(start + column - 1, source.length);
}

function findPlace(source, offset) {
  const ends = [...source.slice(0, offset).matchAll(EDITOR_LINE_END)];
  const last = ends.at(-1);
  return { line: ends.length + 1, column: offset - (last === undefined ? 0 : last.index + last[0].length) + 1 };
}
