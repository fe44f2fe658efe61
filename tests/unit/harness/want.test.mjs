import assert from 'node:assert/strict';
import { test } from 'node:test';

import { suggestThreads } from '../../../app/static/harness/device.js';
import { sizeHold } from '../../../app/static/harness/want.js';

const facts = (changes) => ({
  threads: 2, msPerDataset: undefined, roundTripMs: 0, deadlineMs: 60_000, bytesPerDataset: 100, held: 0, ...changes,
});

test('before the first answer there is one dataset for each thread and one in flight', () => {
  assert.equal(sizeHold(facts()), 3);
});

test('half a second of work is held, and what the way to the server takes', () => {
  assert.equal(sizeHold(facts({ msPerDataset: 10, held: 100 })), 102);
  assert.equal(sizeHold(facts({ msPerDataset: 10, roundTripMs: 100, held: 100 })), 122);
});

test('one exchange makes the hold at most four times as large', () => {
  assert.equal(sizeHold(facts({ msPerDataset: 0.1, held: 3 })), 12);
  assert.equal(sizeHold(facts({ msPerDataset: 0.1, held: 12 })), 48);
});

test('it never holds more than the server gives', () => {
  assert.equal(sizeHold(facts({ msPerDataset: 0, held: 1024 })), 1024);
});

test('large datasets are held by what they take in memory', () => {
  assert.equal(sizeHold(facts({ msPerDataset: 1, held: 1000, bytesPerDataset: 1 << 20 })), 32);
});

test('slow datasets do not wait in a queue while their deadline runs', () => {
  assert.equal(sizeHold(facts({ msPerDataset: 1000, held: 3 })), 3);
  assert.equal(sizeHold(facts({ msPerDataset: 20_000, held: 3 })), 2);
});

test('half of the cores are used, a quarter when saving, and one at least', () => {
  const suggested = [1, 2, 3, 4, 8].map((cores) => [suggestThreads({ cores }), suggestThreads({ cores, saving: true })]);
  assert.deepEqual(suggested, [[1, 1], [1, 1], [1, 1], [2, 1], [4, 2]]);
});
