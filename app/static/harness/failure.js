// What a kernel threw, as bytes to send: {name, message, stack}, each text cut to its limit.
// Anything can be thrown, and reading it runs the kernel's code again.

import { decode, encode } from './codec.js';
import { MAX_ERROR_MESSAGE, MAX_ERROR_NAME, MAX_ERROR_STACK } from './messages.js';
import * as own from './primordials.js';

const ROOM = 4 * (MAX_ERROR_NAME + MAX_ERROR_MESSAGE + MAX_ERROR_STACK) + 100;

/**
 * @param {unknown} thrown
 * @returns {Uint8Array} msgpack of {name, message, stack}
 */
export function encodeFailure(thrown) {
  const isObject = thrown !== null && (typeof thrown === 'object' || typeof thrown === 'function');
  return encode({
    name: cut(isObject ? readText(thrown, 'name') : 'Error', MAX_ERROR_NAME),
    message: cut(isObject ? readText(thrown, 'message') : `the kernel threw ${shown(thrown)}`, MAX_ERROR_MESSAGE),
    stack: cut(isObject ? kernelPart(readText(thrown, 'stack')) : '', MAX_ERROR_STACK),
  }, ROOM);
}

/**
 * Read what `encodeFailure` made in a worker; whatever the bytes hold, three texts come out.
 * @param {Uint8Array} bytes
 * @returns {{name: string, message: string, stack: string}}
 */
export function decodeFailure(bytes) {
  const error = { name: 'Error', message: '', stack: '' };
  try {
    const told = decode(bytes);
    for (const key of Object.keys(error)) if (typeof told[key] === 'string') error[key] = told[key];
  } catch {
    error.message = 'the kernel failed, and its error cannot be read';
  }
  return error;
}

/** The text of any value, whatever it does when asked for it. */
export function shown(value) {
  try {
    return own.Text(value);
  } catch {
    return 'something that cannot be shown';
  }
}

/** The first `length` characters of a text. */
export const cut = (text, length) => (text.length > length ? own.apply(own.textSlice, text, [0, length]) : text);

function readText(thrown, key) {
  try {
    const value = thrown[key];
    return value === undefined ? '' : shown(value);
  } catch {
    return '';
  }
}

// The frames below the kernel's are the harness', at an address that says nothing to the kernel's owner.
function kernelPart(stack) {
  const harness = own.apply(own.textIndexOf, stack, ['blob:']);
  if (harness < 0) return stack;
  const lineEnd = own.apply(own.textLastIndexOf, stack, ['\n', harness]);
  return own.apply(own.textSlice, stack, [0, lineEnd < 0 ? 0 : lineEnd]);
}
