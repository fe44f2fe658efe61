// Values as readable text, in the form that the pages of results have (app/codec/display.py).

import { decodeBeginning } from '../../harness/codec.js';

const MOST_VALUES = 2000;
const MOST_TEXT = 1 << 14;
const MOST_BYTES = 16;

/**
 * @param {Uint8Array} bytes msgpack
 * @param {number} width of a line, in characters
 * @returns {{text: string, isWhole: boolean}}
 */
export function layOut(bytes, width) {
  const missing = new Map();
  const value = decodeBeginning(bytes, MOST_VALUES, (container, count) => missing.set(container, count));
  const cut = { any: missing.size > 0 };
  const text = layLines('', value, width, { missing, cut }).join('\n');
  return { text, isWhole: !cut.any };
}

function layLines(label, value, width, context) {
  const line = label + say(value, context);
  const entries = isContainer(value) ? listEntries(value, context) : [];
  if (line.length <= width || entries.length === 0) return [line];
  const [start, end] = Array.isArray(value) ? '[]' : '{}';
  const isFlat = Array.isArray(value) && !value.some(isContainer);
  const blocks = isFlat
    ? fill(entries.map((entry) => sayEntry(entry, context)), width - 3).map((row) => [row])
    : entries.map((entry) => layEntry(entry, width - 3, context));
  return [label + start, ...indent(blocks), end];
}

const isContainer = (value) => typeof value === 'object' && value !== null && !(value instanceof Uint8Array);

// An entry is [label, value], or, for what was left out, its text alone.
function listEntries(value, { missing }) {
  const entries = Array.isArray(value)
    ? value.map((item) => ['', item])
    : Object.entries(value).map(([key, item]) => [`${JSON.stringify(key)}: `, item]);
  if (missing.has(value)) entries.push(`… ${missing.get(value).toLocaleString('en')} more`);
  return entries;
}

const sayEntry = (entry, context) => (typeof entry === 'string' ? entry : entry[0] + say(entry[1], context));

const layEntry = (entry, width, context) =>
  (typeof entry === 'string' ? [entry] : layLines(entry[0], entry[1], width, context));

function say(value, context) {
  if (!isContainer(value)) return sayPlain(value, context);
  const inner = listEntries(value, context).map((entry) => sayEntry(entry, context)).join(', ');
  return Array.isArray(value) ? `[${inner}]` : `{${inner}}`;
}

function sayPlain(value, { cut }) {
  if (value instanceof Uint8Array) return sayBinary(value);
  if (Object.is(value, -0)) return '-0';
  if (typeof value !== 'string') return String(value);
  if (value.length <= MOST_TEXT) return JSON.stringify(value);
  cut.any = true;
  const quoted = JSON.stringify(value.slice(0, MOST_TEXT));
  return `${quoted.slice(0, -1)}…" (${value.length.toLocaleString('en')} characters)`;
}

function sayBinary(bytes) {
  const shown = [...bytes.subarray(0, MOST_BYTES)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const size = `${bytes.length.toLocaleString('en')} byte${bytes.length === 1 ? '' : 's'}`;
  if (bytes.length === 0) return `<${size}>`;
  return `<${size}: ${shown}${bytes.length > MOST_BYTES ? ' …' : ''}>`;
}

function fill(words, width) {
  const rows = [words[0]];
  for (const word of words.slice(1)) {
    const last = rows[rows.length - 1];
    if (last.length + 2 + word.length <= width) rows[rows.length - 1] = `${last}, ${word}`;
    else rows.push(word);
  }
  return rows;
}

function indent(blocks) {
  return blocks.flatMap((block, number) => block.map((line, place) => {
    const parts = number < blocks.length - 1 && place === block.length - 1;
    return `  ${line}${parts ? ',' : ''}`;
  }));
}
