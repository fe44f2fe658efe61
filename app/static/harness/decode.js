// msgpack to JavaScript values: datasets in the worker, the server's batches in the page.
// Byte strings come out as Uint8Arrays with a buffer of their own, so that they can be handed on without a copy.

import { MAX_DEPTH } from './messages.js';
import * as own from './primordials.js';

// More than any value has bytes, and still a small integer to the engine.
const UNLIMITED = 0x3fffffff;
let input;
let view;
let buffer;
let offset = 0;
let at = 0;
let end = 0;
// How many more values are read, and who is told of an array or object that was not read to its end.
let room = 0;
let onCut;
const ascii = new own.PlainArray(128);
for (let i = 0; i < 128; i += 1) ascii[i] = own.fromCharCode(i);

/**
 * Decode exactly one value.
 * @param {Uint8Array} bytes
 * @returns {unknown}
 * @throws {Error} bytes that are not one well-formed msgpack value
 */
export function decode(bytes) {
  const value = open(bytes, UNLIMITED);
  if (at !== end) throw new own.Failure('the msgpack value is followed by other bytes');
  input = view = buffer = undefined;
  return value;
}

/**
 * Decode the beginning of a value: a large one would take the page's memory and time.
 * @param {Uint8Array} bytes
 * @param {number} most values in it that are read
 * @param {(container: object, missing: number) => void} tellCut hears of each array or object that lacks elements
 * @returns {unknown}
 */
export function decodeBeginning(bytes, most, tellCut) {
  onCut = tellCut;
  const value = open(bytes, most);
  input = view = buffer = onCut = undefined;
  return value;
}

function open(bytes, most) {
  room = most;
  input = bytes;
  buffer = own.apply(own.typedArrayBuffer, bytes, []);
  offset = own.apply(own.typedArrayOffset, bytes, []);
  end = own.apply(own.typedArrayLength, bytes, []);
  view = new own.BytesView(buffer, offset, end);
  at = 0;
  return readValue(0);
}

function readValue(depth) {
  const byte = input[take(1)];
  if (byte < 0x80) return byte;
  if (byte >= 0xe0) return byte - 256;
  if (byte < 0x90) return readMap(byte & 15, depth);
  if (byte < 0xa0) return readArray(byte & 15, depth);
  if (byte < 0xc0) return readText(byte & 31);
  return readMarked(byte, depth);
}

function readMarked(byte, depth) {
  switch (byte) {
    case 0xc0: return null;
    case 0xc2: return false;
    case 0xc3: return true;
    case 0xc4: return readBytes(uint8());
    case 0xc5: return readBytes(uint16());
    case 0xc6: return readBytes(uint32());
    case 0xd9: return readText(uint8());
    case 0xda: return readText(uint16());
    case 0xdb: return readText(uint32());
    case 0xdc: return readArray(uint16(), depth);
    case 0xdd: return readArray(uint32(), depth);
    case 0xde: return readMap(uint16(), depth);
    case 0xdf: return readMap(uint32(), depth);
    default: return readNumber(byte);
  }
}

function readNumber(byte) {
  switch (byte) {
    case 0xca: return own.apply(own.getFloat32, view, [take(4)]);
    case 0xcb: return own.apply(own.getFloat64, view, [take(8)]);
    case 0xcc: return uint8();
    case 0xcd: return uint16();
    case 0xce: return uint32();
    case 0xcf: return shortest(own.apply(own.getBigUint64, view, [take(8)]));
    case 0xd0: return (uint8() << 24) >> 24;
    case 0xd1: return (uint16() << 16) >> 16;
    case 0xd2: return uint32() | 0;
    case 0xd3: return shortest(own.apply(own.getBigInt64, view, [take(8)]));
    default: throw new own.Failure(`the msgpack byte ${byte} is not supported`);
  }
}

// A 64-bit integer is a number where a number can hold it exactly, a BigInt otherwise.
function shortest(value) {
  return value <= 9007199254740991n && value >= -9007199254740991n ? own.Numeric(value) : value;
}

function take(count) {
  const start = at;
  if (count > end - at) throw new own.Failure('the msgpack value is cut off');
  at += count;
  return start;
}

function uint8() {
  return input[take(1)];
}

function uint16() {
  const start = take(2);
  return (input[start] << 8) | input[start + 1];
}

function uint32() {
  const start = take(4);
  return ((input[start] << 24) | (input[start + 1] << 16) | (input[start + 2] << 8) | input[start + 3]) >>> 0;
}

function readBytes(length) {
  const start = take(length);
  const copy = new own.Bytes(length);
  own.apply(own.typedArraySet, copy, [new own.Bytes(buffer, offset + start, length)]);
  return copy;
}

function readText(length) {
  const start = take(length);
  let text = '';
  for (let i = start; length < 24 && i < at; i += 1) {
    if (input[i] > 127) return own.decodeText(new own.Bytes(buffer, offset + start, length));
    text += ascii[input[i]];
  }
  return length < 24 ? text : own.decodeText(new own.Bytes(buffer, offset + start, length));
}

function enter(length, depth) {
  if (depth >= MAX_DEPTH) throw new own.RangeFailure(`msgpack nested deeper than ${MAX_DEPTH} levels`);
  if (length > end - at) throw new own.Failure('the msgpack value is cut off');
}

function readArray(length, depth) {
  enter(length, depth);
  const items = [];
  let i = 0;
  for (; i < length && room > 0; i += 1) {
    room -= 1;
    const item = readValue(depth + 1);
    if (i in own.arrayPrototype) own.define(items, i, item);
    else items[i] = item;
  }
  if (i < length) onCut(items, length - i);
  return items;
}

function readMap(length, depth) {
  enter(length, depth);
  const fields = {};
  let i = 0;
  for (; i < length && room > 0; i += 1) {
    room -= 1;
    const key = readKey(depth);
    const value = readValue(depth + 1);
    // `__proto__`, and whatever a kernel put on Object.prototype, must become own properties like any other.
    if (key in own.objectPrototype) own.define(fields, key, value);
    else fields[key] = value;
  }
  if (i < length) onCut(fields, length - i);
  return fields;
}

function readKey(depth) {
  const key = readValue(depth + 1);
  if (typeof key === 'string') return key;
  if (typeof key === 'number' || typeof key === 'bigint') return own.Text(key);
  throw new own.Failure('a msgpack map key is neither text nor a number');
}
