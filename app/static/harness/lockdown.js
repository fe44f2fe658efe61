// Takes away every global that is not the language's own: what is left can compute, and nothing else.
// The policy of the inner frame is the wall; this is the second one, and the only one that stops nested workers.

import * as own from './primordials.js';

// ECMAScript's own globals, WebAssembly, and the two text codecs.
const KEPT = own.record({
  AggregateError: 1, Array: 1, ArrayBuffer: 1, AsyncDisposableStack: 1, Atomics: 1, BigInt: 1, BigInt64Array: 1,
  BigUint64Array: 1, Boolean: 1, DataView: 1, Date: 1, DisposableStack: 1, Error: 1, EvalError: 1,
  FinalizationRegistry: 1, Float16Array: 1, Float32Array: 1, Float64Array: 1, Function: 1, Infinity: 1, Int16Array: 1,
  Int32Array: 1, Int8Array: 1, Intl: 1, Iterator: 1, JSON: 1, Map: 1, Math: 1, NaN: 1, Number: 1, Object: 1,
  Promise: 1, Proxy: 1, RangeError: 1, ReferenceError: 1, Reflect: 1, RegExp: 1, Set: 1, SharedArrayBuffer: 1,
  String: 1, SuppressedError: 1, Symbol: 1, SyntaxError: 1, Temporal: 1, TextDecoder: 1, TextEncoder: 1, TypeError: 1,
  URIError: 1, Uint16Array: 1, Uint32Array: 1, Uint8Array: 1, Uint8ClampedArray: 1, WeakMap: 1, WeakRef: 1,
  WeakSet: 1, WebAssembly: 1, decodeURI: 1, decodeURIComponent: 1, encodeURI: 1, encodeURIComponent: 1, escape: 1,
  eval: 1, globalThis: 1, isFinite: 1, isNaN: 1, parseFloat: 1, parseInt: 1, undefined: 1, unescape: 1,
});

/**
 * Remove the other globals, along the prototype chain.
 * @param {object} global
 * @returns {string} the names that could not be removed, each with a comma; in Chromium two numbers stay that a
 *   retired interface left there (PERSISTENT, TEMPORARY)
 */
export function lockDown(global) {
  let left = '';
  for (let holder = global; holder !== null && holder !== own.objectPrototype; holder = own.getPrototypeOf(holder)) {
    left += stripHolder(holder, holder === global);
  }
  return left;
}

function stripHolder(holder, isGlobal) {
  const names = own.ownKeys(holder);
  let left = '';
  for (let i = 0; i < names.length; i += 1) {
    const name = names[i];
    const kept = typeof name === 'symbol' || (isGlobal && KEPT[name] === 1);
    if (!kept && !own.deleteProperty(holder, name)) left += `${name},`;
  }
  return left;
}
