// The language's own functions, kept before a kernel can replace them. Harness code that runs in a worker uses these
// and plain syntax only: no method calls on shared prototypes, no iteration, no spread, no destructuring of arrays,
// no assignment to an index or a key that an object does not own yet.

const { apply, getOwnPropertyDescriptor, getPrototypeOf } = Reflect;
const getter = (prototype, name) => getOwnPropertyDescriptor(prototype, name).get;
const TypedArrayPrototype = getPrototypeOf(Uint8Array.prototype);
const DataViewPrototype = DataView.prototype;

export { apply, getOwnPropertyDescriptor, getPrototypeOf };
export const { ownKeys, deleteProperty } = Reflect;
export const { keys: ownEnumerableKeys, prototype: objectPrototype } = Object;
export const { isArray, prototype: arrayPrototype } = Array;
export const { isInteger } = Number;
export const { prototype: promisePrototype } = Promise;
export const { prototype: errorPrototype } = Error;
export const PlainArray = Array;
export const Bytes = Uint8Array;
export const BytesView = DataView;
export const Failure = Error;
export const TypeFailure = TypeError;
export const RangeFailure = RangeError;
export const Text = String;
export const Numeric = Number;
export const { floor, round } = Math;

export const typedArrayTag = getter(TypedArrayPrototype, Symbol.toStringTag);
export const typedArrayLength = getter(TypedArrayPrototype, 'length');
export const typedArrayBuffer = getter(TypedArrayPrototype, 'buffer');
export const typedArrayOffset = getter(TypedArrayPrototype, 'byteOffset');
export const { at: typedArrayAt, set: typedArraySet } = TypedArrayPrototype;
export const arrayBufferLength = getter(ArrayBuffer.prototype, 'byteLength');
export const sharedBufferLength = globalThis.SharedArrayBuffer
  ? getter(SharedArrayBuffer.prototype, 'byteLength')
  : undefined;
export const dataViewBuffer = getter(DataViewPrototype, 'buffer');
export const dataViewOffset = getter(DataViewPrototype, 'byteOffset');
export const dataViewLength = getter(DataViewPrototype, 'byteLength');
export const { getFloat32, getFloat64, setFloat64, getBigInt64, getBigUint64, setBigInt64, setBigUint64 } =
  DataViewPrototype;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const { encodeInto } = encoder;
const { decode } = decoder;
/** Write `text` as UTF-8 into `bytes`; gives {read, written}. A lone surrogate becomes U+FFFD. */
export const encodeText = (text, bytes) => apply(encodeInto, encoder, [text, bytes]);
/** Read all of `bytes` as UTF-8; throws a TypeError when it is not UTF-8. */
export const decodeText = (bytes) => apply(decode, decoder, [bytes]);

export const { charCodeAt, indexOf: textIndexOf, lastIndexOf: textLastIndexOf, slice: textSlice } = String.prototype;
export const { fromCharCode } = String;
export const { valueOf: numberValue } = Number.prototype;
export const { valueOf: textValue } = String.prototype;
export const { valueOf: booleanValue } = Boolean.prototype;
export const { valueOf: bigintValue } = BigInt.prototype;
export const { toString: objectToString } = Object.prototype;
export const { getTime, toISOString } = Date.prototype;
export const { forEach: mapForEach } = Map.prototype;
export const { forEach: setForEach } = Set.prototype;
export const mapSize = getter(Map.prototype, 'size');
export const setSize = getter(Set.prototype, 'size');
export const { then: promiseThen } = Promise.prototype;
export const { stringify } = JSON;

const { defineProperty } = Reflect;
const { setPrototypeOf } = Object;
/** Set an own property, whatever setters the prototypes hold. */
export const define = (target, key, value) => defineProperty(target, key, {
  __proto__: null, value, writable: true, enumerable: true, configurable: true,
});

/** Take an object's prototype away, so that reading or setting a key never leaves it. */
export const record = (fields) => setPrototypeOf(fields, null);

/** Call a function that may throw, as a test of what a value is; undefined when it throws. */
export function attempt(method, target) {
  try {
    return apply(method, target, []);
  } catch {
    return undefined;
  }
}
