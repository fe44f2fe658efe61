// Run by test_codec.py: reads {"decode": [base64, …]} or {"encode": [expression, …], "max": bytes} as JSON, and answers
// with a list of {"bytes": base64} or {"error": text}. Decoded values are encoded again, so that Python can see them.

import { readFileSync } from 'node:fs';

import { decode, encode } from '../../../app/static/harness/codec.js';

const request = JSON.parse(readFileSync(0, 'utf8'));
const max = request.max ?? 1 << 24;

function answer(make) {
  try {
    return { bytes: Buffer.from(encode(make(), max)).toString('base64') };
  } catch (error) {
    return { error: `${error.name}: ${error.message}` };
  }
}

const evaluate = (expression) => answer(() => (0, eval)(`(${expression})`));
const again = (base64) => answer(() => decode(new Uint8Array(Buffer.from(base64, 'base64'))));
const answers = request.encode ? request.encode.map(evaluate) : request.decode.map(again);
process.stdout.write(JSON.stringify(answers));
