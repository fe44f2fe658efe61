import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decode, decodeBeginning, encode } from '../../../app/static/harness/codec.js';

function begin(value, most) {
  const missing = new Map();
  const beginning = decodeBeginning(encode(value, 1 << 24), most, (container, count) => missing.set(container, count));
  return { beginning, missing: [...missing.values()], whole: missing };
}

test('a value that has room is read whole', () => {
  const value = { a: [1, 2, { b: 'text' }], c: null };
  assert.deepEqual(begin(value, 6), { beginning: value, missing: [], whole: new Map() });
});

test('of a long array only the beginning is read, and it is said how many elements are missing', () => {
  const { beginning, missing } = begin(Array.from({ length: 100_000 }, (_, i) => i), 3);
  assert.deepEqual([beginning, missing], [[0, 1, 2], [99_997]]);
});

test('where an inner value is cut, nothing that follows it is read', () => {
  const { beginning, missing } = begin({ first: [[1, 2, 3], [4]], second: 'x', third: 'y' }, 4);
  assert.deepEqual([beginning, missing], [{ first: [[1, 2]] }, [1, 1, 2]]);
});

test('a beginning leaves no limit behind for the next value', () => {
  begin([1, 2, 3], 1);
  assert.deepEqual(decode(encode([1, 2, 3], 100)), [1, 2, 3]);
});

test('a value made to take memory costs no more than its beginning', () => {
  const bomb = new Uint8Array(16 << 20).fill(0x80);
  bomb.set([0xdd, 0, 0xff, 0xff, 0xfb]);
  let missing = 0;
  const beginning = decodeBeginning(bomb, 1000, (_, count) => { missing = count; });
  assert.equal(beginning.length, 1000);
  assert.equal(missing, 0xfffffb - 1000);
});
