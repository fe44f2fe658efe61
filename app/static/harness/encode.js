// JavaScript values to msgpack, in the page and in the worker. The table of encodings is in docs/kernel-api.md.
// Getters and proxies of a kernel run while its result is read; what they can do is throw.

import { MAX_DEPTH } from './messages.js';
import * as own from './primordials.js';

const FIRST_CAPACITY = 1 << 16;
const KEPT_CAPACITY = 1 << 20;
const MAX_UINT64 = 18446744073709551615n;
const MIN_INT64 = -9223372036854775808n;
const TWO_32 = 4294967296;

let out = new own.Bytes(FIRST_CAPACITY);
let view = new own.BytesView(own.apply(own.typedArrayBuffer, out, []));
let capacity = FIRST_CAPACITY;
let limit = 0;
let at = 0;
// The keys that lead to the value being written; filled once so that writing an entry meets no setter.
const path = new own.PlainArray(MAX_DEPTH + 2);
for (let i = 0; i < MAX_DEPTH + 2; i += 1) path[i] = '';

/**
 * Encode one value.
 * @param {unknown} value
 * @param {number} maxBytes
 * @returns {Uint8Array} an array with a buffer of its own
 * @throws {TypeError} a value that has no encoding, with the way to it
 * @throws {RangeError} more than `maxBytes`, or nested deeper than MAX_DEPTH (a cycle is)
 */
export function encode(value, maxBytes) {
  at = 0;
  limit = maxBytes;
  writeValue(value, 0);
  const copy = new own.Bytes(at);
  own.apply(own.typedArraySet, copy, [new own.Bytes(own.apply(own.typedArrayBuffer, out, []), 0, at)]);
  if (capacity > KEPT_CAPACITY) useBuffer(new own.Bytes(FIRST_CAPACITY), FIRST_CAPACITY);
  return copy;
}

function useBuffer(bytes, size) {
  out = bytes;
  capacity = size;
  view = new own.BytesView(own.apply(own.typedArrayBuffer, out, []));
}

function reserve(count) {
  if (at + count <= capacity && at + count <= limit) return;
  if (at + count > limit) throw new own.RangeFailure(`the result is larger than ${limit} bytes`);
  let size = capacity;
  while (size < at + count) size *= 2;
  const larger = new own.Bytes(size);
  own.apply(own.typedArraySet, larger, [out]);
  useBuffer(larger, size);
}

function writeValue(value, depth) {
  switch (typeof value) {
    case 'number': return writeNumber(value);
    case 'string': return writeText(value);
    case 'boolean': return writeByte(value ? 0xc3 : 0xc2);
    case 'undefined': return writeByte(0xc0);
    case 'bigint': return writeBigInt(value);
    case 'object': return value === null ? writeByte(0xc0) : writeObject(value, depth);
    default: return refuse(`a ${typeof value}`, depth);
  }
}

function refuse(what, depth) {
  let place = depth === 0 ? 'the result' : 'result';
  for (let i = 0; i < depth; i += 1) {
    place += typeof path[i] === 'number' ? `[${path[i]}]` : `.${path[i]}`;
  }
  throw new own.TypeFailure(`${place} is ${what}, which cannot be stored`);
}

function writeByte(byte) {
  reserve(1);
  out[at++] = byte;
}

function put16(value) {
  out[at++] = value >>> 8;
  out[at++] = value;
}

function put32(value) {
  out[at++] = value >>> 24;
  out[at++] = value >>> 16;
  out[at++] = value >>> 8;
  out[at++] = value;
}

function writeNumber(value) {
  reserve(9);
  const whole = own.isInteger(value) && value <= 9007199254740991 && value >= -9007199254740991;
  if (!whole || (value === 0 && 1 / value < 0)) {
    out[at++] = 0xcb;
    own.apply(own.setFloat64, view, [at, value]);
    at += 8;
  } else if (value >= 0) putUnsigned(value);
  else putNegative(value);
}

function putUnsigned(value) {
  if (value < 128) out[at++] = value;
  else if (value < 256) {
    out[at++] = 0xcc;
    out[at++] = value;
  } else if (value < 65536) {
    out[at++] = 0xcd;
    put16(value);
  } else if (value < TWO_32) {
    out[at++] = 0xce;
    put32(value);
  } else {
    out[at++] = 0xcf;
    put32(own.floor(value / TWO_32));
    put32(value % TWO_32);
  }
}

function putNegative(value) {
  if (value >= -32) out[at++] = value;
  else if (value >= -128) {
    out[at++] = 0xd0;
    out[at++] = value;
  } else if (value >= -32768) {
    out[at++] = 0xd1;
    put16(value);
  } else if (value >= -2147483648) {
    out[at++] = 0xd2;
    put32(value);
  } else {
    const high = own.floor(value / TWO_32);
    out[at++] = 0xd3;
    put32(high);
    put32(value - high * TWO_32);
  }
}

function writeBigInt(value) {
  if (value > MAX_UINT64 || value < MIN_INT64) return writeText(own.Text(value));
  if (value <= 9007199254740991n && value >= -9007199254740991n) return writeNumber(own.Numeric(value));
  reserve(9);
  out[at++] = value >= 0n ? 0xcf : 0xd3;
  own.apply(value >= 0n ? own.setBigUint64 : own.setBigInt64, view, [at, value]);
  at += 8;
  return undefined;
}

function writeText(text) {
  const { length } = text;
  if (length < 32 && writeShortAscii(text, length)) return;
  if (length > limit) reserve(length);
  const header = length < 86 ? 2 : length < 21846 ? 3 : 5;
  const room = length * 3 + header > limit - at ? limit - at : length * 3 + header;
  reserve(room < header ? header : room);
  const target = new own.Bytes(own.apply(own.typedArrayBuffer, out, []), at + header, room - header);
  const { read, written } = own.encodeText(text, target);
  if (read < length) reserve(limit + 1);
  out[at++] = header === 2 ? 0xd9 : header === 3 ? 0xda : 0xdb;
  if (header === 2) out[at++] = written;
  else if (header === 3) put16(written);
  else put32(written);
  at += written;
}

function writeShortAscii(text, length) {
  reserve(1 + length);
  const start = at;
  out[at++] = 0xa0 | length;
  for (let i = 0; i < length; i += 1) {
    const code = own.apply(own.charCodeAt, text, [i]);
    if (code > 127) {
      at = start;
      return false;
    }
    out[at++] = code;
  }
  return true;
}

function writeObject(value, depth) {
  if (depth >= MAX_DEPTH) {
    throw new own.RangeFailure(`the result is nested deeper than ${MAX_DEPTH} levels (does it contain itself?)`);
  }
  const tag = own.apply(own.typedArrayTag, value, []);
  if (tag !== undefined) return writeTypedArray(value, tag, depth);
  if (own.isArray(value)) return writeArray(value, value.length, depth);
  const prototype = own.getPrototypeOf(value);
  if (prototype === own.objectPrototype || prototype === null) return writeFields(value, depth);
  return writeSpecial(value, depth);
}

const GONE = 'memory that is no longer there';

// Where the buffer was given away, or shrank, the engines show no items: that is not what the kernel meant to store.
function requireMemory(use, target, depth) {
  try {
    own.apply(use, target, []);
  } catch {
    refuse(GONE, depth);
  }
}

function writeTypedArray(value, tag, depth) {
  requireMemory(own.typedArrayAt, value, depth);
  const length = own.apply(own.typedArrayLength, value, []);
  if (tag === 'Uint8Array' || tag === 'Uint8ClampedArray') return writeBytes(value, length);
  return writeArray(value, length, depth);
}

function writeBytes(bytes, length) {
  const header = length < 256 ? 2 : 5;
  reserve(header + length);
  out[at++] = length < 256 ? 0xc4 : 0xc6;
  if (length < 256) out[at++] = length;
  else put32(length);
  own.apply(own.typedArraySet, out, [bytes, at]);
  at += length;
}

function writeArray(items, length, depth) {
  // A proxy of an array may give anything as its length.
  if (!own.isInteger(length) || length < 0) refuse('an array without a length', depth);
  // Each item takes one byte at least, so that an array of a thousand million holes is refused at once.
  reserve(5 + length);
  if (length < 16) out[at++] = 0x90 | length;
  else {
    out[at++] = 0xdd;
    put32(length);
  }
  for (let i = 0; i < length; i += 1) {
    path[depth] = i;
    writeValue(items[i], depth + 1);
  }
}

function writeFields(value, depth) {
  const keys = own.ownEnumerableKeys(value);
  const { length } = keys;
  const small = length < 16;
  reserve(5 + length);
  const header = at;
  at += small ? 1 : 5;
  let count = 0;
  for (let i = 0; i < length; i += 1) {
    const field = value[keys[i]];
    if (field !== undefined) {
      path[depth] = keys[i];
      writeText(keys[i]);
      writeValue(field, depth + 1);
      count += 1;
    }
  }
  if (small) out[header] = 0x80 | count;
  else putCount(header, 0xdf, count);
}

function putCount(header, marker, count) {
  const end = at;
  at = header;
  out[at++] = marker;
  put32(count);
  at = end;
}

// What is neither plain nor an array. The tag only chooses the test; the test asks for the real thing.
function writeSpecial(value, depth) {
  const tag = own.apply(own.objectToString, value, []);
  switch (tag) {
    case '[object Date]': return writeIf(own.attempt(own.getTime, value), value, depth, writeDate);
    case '[object Map]': return writeIf(own.attempt(own.mapSize, value), value, depth, writeMap);
    case '[object Set]': return writeIf(own.attempt(own.setSize, value), value, depth, writeSet);
    case '[object ArrayBuffer]': return writeIf(own.attempt(own.arrayBufferLength, value), value, depth, writeBuffer);
    case '[object DataView]': return writeIf(own.attempt(own.dataViewBuffer, value), value, depth, writeDataView);
    case '[object Number]': return writeBoxed(own.numberValue, value, depth);
    case '[object String]': return writeBoxed(own.textValue, value, depth);
    case '[object Boolean]': return writeBoxed(own.booleanValue, value, depth);
    case '[object BigInt]': return writeBoxed(own.bigintValue, value, depth);
    case '[object Error]': return writeFields({ name: `${value.name}`, message: `${value.message}` }, depth);
    case '[object Promise]': return refuse('a Promise (await it first)', depth);
    case '[object RegExp]': case '[object WeakMap]': case '[object WeakSet]': case '[object WeakRef]':
    case '[object SharedArrayBuffer]': case '[object Generator]': case '[object AsyncGenerator]':
      return refuse(`a ${own.apply(own.textSlice, tag, [8, -1])}`, depth);
    default: return writeFields(value, depth);
  }
}

function writeIf(real, value, depth, write) {
  return real === undefined ? writeFields(value, depth) : write(value, depth);
}

function writeBoxed(method, value, depth) {
  const primitive = own.attempt(method, value);
  return primitive === undefined ? writeFields(value, depth) : writeValue(primitive, depth);
}

function writeDate(date) {
  const time = own.apply(own.getTime, date, []);
  if (time !== time) writeByte(0xc0);
  else writeText(own.apply(own.toISOString, date, []));
}

function writeBuffer(buffer, depth) {
  let bytes;
  try {
    bytes = new own.Bytes(buffer);
  } catch {
    refuse(GONE, depth);
  }
  writeBytes(bytes, own.apply(own.typedArrayLength, bytes, []));
}

function writeDataView(data, depth) {
  requireMemory(own.dataViewLength, data, depth);
  const length = own.apply(own.dataViewLength, data, []);
  const bytes = new own.Bytes(
    own.apply(own.dataViewBuffer, data, []), own.apply(own.dataViewOffset, data, []), length);
  writeBytes(bytes, length);
}

function writeMap(map, depth) {
  writeEach(own.mapForEach, map, (value, key) => {
    writeByte(0x92);
    writeValue(key, depth + 1);
    writeValue(value, depth + 1);
  }, depth);
}

function writeSet(set, depth) {
  writeEach(own.setForEach, set, (value) => writeValue(value, depth + 1), depth);
}

// Reading one entry may change the collection, so that the count is written last.
function writeEach(forEach, collection, write, depth) {
  reserve(5);
  const header = at;
  let count = 0;
  at += 5;
  own.apply(forEach, collection, [(value, key) => {
    path[depth] = count;
    write(value, key);
    count += 1;
  }]);
  putCount(header, 0xdd, count);
}
