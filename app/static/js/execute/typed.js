// A dataset that somebody typed as JSON, as the bytes that a volunteer would get.

import { decode, encode } from '../../harness/codec.js';

/**
 * @param {string} text
 * @param {number} maxBytes
 * @returns {Uint8Array}
 * @throws {Error} it is no dataset; the message says why
 */
export function encodeTyped(text, maxBytes) {
  if (text.trim() === '') throw new Error('Type a dataset as a JSON object, such as {"n": 1}.');
  const value = parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`A dataset is a JSON object in braces, such as {"n": 1}. This is ${describe(value)}.`);
  }
  try {
    return encode(value, maxBytes);
  } catch (error) {
    throw new Error(`${error.message.replace('the result', 'The dataset').replace(' (does it contain itself?)', '')}.`);
  }
}

/** The text of a dataset, to be changed and typed. @param {Uint8Array} bytes @returns {string} */
export const writeTyped = (bytes) =>
  JSON.stringify(decode(bytes), (_, value) => (typeof value === 'bigint' ? String(value) : value), 2);

function parse(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`This is not JSON: ${error.message}. Names and texts stand in double quotes.`);
  }
}

function describe(value) {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'boolean' ? String(value) : `a ${typeof value === 'string' ? 'text' : typeof value}`;
}
