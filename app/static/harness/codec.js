// The harness' own msgpack: both directions, one table of encodings (docs/kernel-api.md).

export { decode, decodeBeginning } from './decode.js';
export { encode } from './encode.js';
