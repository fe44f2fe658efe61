import assert from 'node:assert/strict';
import { test } from 'node:test';

import { findSlip } from '../../../app/static/js/editor/check.js';
import { Draft } from '../../../app/static/js/editor/draft.js';
import { estimateMs, sayAbout, sayEstimate } from '../../../app/static/js/editor/estimate.js';
import { readText } from '../../../app/static/js/editor/files.js';
import { askPreview, describeAnswer } from '../../../app/static/js/editor/previews.js';
import { sayAge } from '../../../app/static/js/editor/words.js';
import { saySize } from '../../../app/static/js/execute/words.js';

const HOUR = 3_600_000;

test('datasets are shared by the threads, and no thread computes a part of one', () => {
  const facts = { msPerDataset: 1000, volunteers: 10, threads: 4 };
  assert.equal(estimateMs({ ...facts, datasets: 4000 }), 100_000);
  assert.equal(estimateMs({ ...facts, datasets: 41 }), 2000);
  assert.equal(estimateMs({ ...facts, datasets: 1 }), 1000);
  assert.ok(estimateMs({ ...facts, datasets: 1e6, msPerDataset: 0 }) > 1000);
});

for (const [ms, words] of [
  [0, 'less than a second'], [999, 'less than a second'], [1000, 'about 1 second'], [12_400, 'about 12 seconds'],
  [58_000, 'about 58 seconds'], [61_000, 'about 1 minute'], [90_000, 'about 1.5 minutes'], [3.04 * HOUR, 'about 3 hours'],
  [23 * HOUR, 'about 23 hours'], [36 * HOUR, 'about 1.5 days'], [24 * 40 * HOUR, 'about 1.3 months'],
  [24 * 365 * 1234 * HOUR, 'about 1,200 years'],
]) {
  test(`${ms} ms are ${words}`, () => assert.equal(sayAbout(ms), words));
}

test('an estimate says for how many helpers it is, and what it rests on', () => {
  const facts = { datasets: 43_200, isWhole: true, msPerDataset: 10_000, runs: 1, volunteers: 10, threads: 4 };
  assert.deepEqual(sayEstimate(facts), {
    answer: 'The whole campaign: about 3 hours with 10 volunteers of 4 threads each.',
    basis: 'An estimate from the one dataset that ran in this browser. Other datasets and other devices differ.',
  });
  const endless = sayEstimate({ ...facts, datasets: 10_000, isWhole: false, runs: 3, volunteers: 1, threads: 1 });
  assert.match(endless.answer, /^The first 10,000 datasets: about 1.2 days with 1 volunteer of 1 thread each\.$/);
  assert.match(endless.basis, /from the 3 datasets that ran/);
});

for (const [ms, words] of [[0, 'just now'], [59_999, 'just now'], [60_000, '1 minute ago'], [5 * HOUR, '5 hours ago'], [49 * HOUR, '2 days ago']]) {
  test(`${ms} ms ago is ${words}`, () => assert.equal(sayAge(ms), words));
}

for (const [bytes, words] of [[1, '1 byte'], [1023, '1,023 bytes'], [1536, '1.5 KB'], [16 << 20, '16 MB'], [1023.6 * 1024, '1,024 KB']]) {
  test(`a size of ${bytes} is ${words}`, () => assert.equal(saySize(bytes), words));
}

const file = (content, name = 'data.txt') => new File([content], name);

test('a file is read to the byte, its byte order mark and its line ends included', async () => {
  assert.equal(await readText(file('\ufeffa\r\nż\u2028'), 100), '\ufeffa\r\nż\u2028');
});

test('a file that is too large, not UTF-8 or not readable is refused by its name', async () => {
  await assert.rejects(readText(file('x'.repeat(2000), 'big.js'), 1999), { message: 'big.js has 2,000 bytes; the limit is 1,999 bytes.' });
  await assert.rejects(readText(file(new Uint8Array([40, 255])), 10), /^FileRefused|not UTF-8 text/);
  const folder = { name: 'src', size: 4096, arrayBuffer: () => Promise.reject(new Error('NotReadableError')) };
  await assert.rejects(readText(folder, 1e6), /src cannot be read\. Is it a folder/);
});

class FakeStorage {
  constructor(room = Infinity) { this.map = new Map(); this.room = room; }
  get length() { return this.map.size; }
  key(i) { return [...this.map.keys()][i]; }
  getItem(key) { return this.map.get(key) ?? null; }
  removeItem(key) { this.map.delete(key); }
  setItem(key, value) {
    if (value.length > this.room) throw new Error('QuotaExceededError');
    this.map.set(key, value);
  }
}

const FIELDS = { name: 'N', kernel_text: 'K', sloppy: true };

test('a draft comes back to its user and to nobody else', () => {
  const storage = new FakeStorage();
  const draft = new Draft(() => storage, '1');
  assert.deepEqual(draft.save(FIELDS, 5, '?template=map'), []);
  assert.deepEqual(draft.load(0), { fields: FIELDS, savedAt: 5, start: '?template=map', left: [] });
  assert.equal(new Draft(() => storage, '2').load(0), undefined);
  new Draft(() => storage, '2').discardOthers();
  assert.equal(draft.load(0), undefined);
});

test('a draft that was sent is over once there is a newer campaign, and not before', () => {
  const draft = new Draft(() => storage, '1');
  const storage = new FakeStorage();
  draft.save(FIELDS, 5, '');
  draft.markSent(7);
  assert.deepEqual(draft.load(7).fields, FIELDS);
  assert.equal(draft.load(8), undefined);
  assert.equal(storage.length, 0);
});

test('what is too long is left out and named, and the rest is kept', () => {
  const storage = new FakeStorage();
  const draft = new Draft(() => storage, '1');
  assert.deepEqual(draft.save({ static_dataset_text: 'x'.repeat(2 << 20), ...FIELDS }, 5, ''), ['static_dataset_text']);
  assert.deepEqual(draft.load(0).fields, FIELDS);
  assert.deepEqual(draft.load(0).left, ['static_dataset_text']);
});

test('where nothing can be kept the page goes on, and no older draft stays', () => {
  const storage = new FakeStorage(200);
  const draft = new Draft(() => storage, '1');
  draft.save(FIELDS, 5, '');
  assert.equal(draft.save({ name: 'x'.repeat(500) }, 6, ''), undefined);
  assert.equal(draft.load(0), undefined);
  const none = new Draft(() => { throw new Error('SecurityError'); }, '1');
  assert.equal(none.save(FIELDS, 5, ''), undefined);
  assert.equal(none.load(0), undefined);
  none.discardOthers();
});

test('what is no draft of ours is taken for none', () => {
  for (const text of ['', '{', 'null', '[]', '{"fields": 1}', '{"fields": {}, "savedAt": "x"}']) {
    const storage = new FakeStorage();
    storage.setItem('manyhands-draft-1', text);
    assert.equal(new Draft(() => storage, '1').load(0), undefined);
  }
});

const ANSWER = { count: 1, size_bytes: 4, first: ['gaFuAQ=='], last: 'gaFuAQ==', is_lockstep: false, is_whole: true, error: null, line: null, column: null };
const respond = (status, body) => new Response(JSON.stringify(body), { status });
const ASKED = () => respond(202, { id: 3, address: '/p/3' });
const LATER = () => respond(202, { id: 3 });
const fail = () => { throw new TypeError('Failed to fetch'); };

function makeSite(...answers) {
  const [asked, waits] = [[], []];
  const site = {
    fetch: async (address, options) => { asked.push([address, options]); return (answers.length > 1 ? answers.shift() : answers[0])(); },
    sleep: async (ms) => { waits.push(ms); }, address: '/p', token: 'T',
  };
  return { site, asked, waits, ask: (signal = new AbortController().signal) => askPreview('({\r\n})', site, signal) };
}

test('a preview is asked for to the byte, and looked for ever less often', async () => {
  const { ask, asked, waits } = makeSite(ASKED, LATER, LATER, LATER, () => respond(200, ANSWER));
  const answer = await ask();
  assert.deepEqual(answer.first, [new Uint8Array([0x81, 0xa1, 0x6e, 1])]);
  assert.deepEqual(answer.last, answer.first[0]);
  const [[address, { method, headers, body }], ...polls] = asked;
  assert.deepEqual([address, method, headers['X-CSRFToken'], await body.get('dataset_gen').text()], ['/p', 'POST', 'T', '({\r\n})']);
  assert.deepEqual(polls.map(([polled]) => polled), Array(4).fill('/p/3'));
  assert.deepEqual(waits, [...waits].sort((a, b) => a - b));
  assert.ok(new Set(waits).size === waits.length);
});

test('a site that is away for a moment is waited for, and one that stays away is not', async () => {
  const back = makeSite(ASKED, fail, () => respond(503, {}), fail, LATER, () => respond(200, ANSWER));
  assert.equal((await back.ask()).count, 1);
  await assert.rejects(makeSite(ASKED, fail).ask(), { message: 'The site stopped answering. Nothing is lost: try again.' });
  await assert.rejects(makeSite(fail).ask(), /does not answer\. Are you online/);
  await assert.rejects(makeSite(ASKED, LATER).ask(), /has not run it yet/);
});

test('a refusal is passed on in the site’s words', async () => {
  await assert.rejects(makeSite(() => respond(422, { detail: 'The dataset generator is missing.' })).ask(), { message: 'The dataset generator is missing.' });
  await assert.rejects(makeSite(ASKED, () => respond(404, { detail: 'Gone.' })).ask(), { message: 'Gone.' });
  await assert.rejects(makeSite(() => respond(401, {})).ask(), /signed out\. Sign in in another tab/);
  await assert.rejects(makeSite(() => new Response('<html>', { status: 502 })).ask(), /answered with 502/);
});

test('who stops waiting is not asked again', async () => {
  const stopping = new AbortController();
  const { site, asked } = makeSite(ASKED, LATER);
  const waiting = askPreview('x', { ...site, sleep: async () => { if (asked.length === 3) stopping.abort(); } }, stopping.signal);
  await assert.rejects(waiting, { name: 'AbortError' });
  assert.equal(asked.length, 3);
});

test('an answer says how many there are, and whether they end', () => {
  const say = (changes) => describeAnswer({ ...ANSWER, count: 1200, size_bytes: 2048, ...changes }, saySize);
  assert.equal(say({}), '1,200 datasets, 2 KB in all.');
  assert.equal(say({ count: 1, size_bytes: 1 }), '1 dataset, 1 byte in all.');
  assert.match(say({ is_lockstep: true }), /in all, made as volunteers need them\.$/);
  assert.match(say({ is_lockstep: true, is_whole: false, count: 10_000 }), /^Asked for 10,000 datasets .* there are more, perhaps without end/);
});

// Node stands for the sandbox' engine; it does not say where a slip is, so that its place is put in by hand.
const load = (place) => async (kernel) => {
  try {
    new Function(`'use strict'; return (${kernel}\n)`);
    return undefined;
  } catch ({ name, message }) {
    return { name, message, stack: `${name}: ${message}\n    at kernel.js:${place}` };
  }
};

for (const source of ['({main() {}})', '{ main() {} }', '(function () {})();', 'const a = 1;\n({main: () => a})', '({main() {}}) // end', '']) {
  test(`${JSON.stringify(source)} parses in one of its readings`, async () => {
    assert.equal(await findSlip(load('2:1'), source === '' ? '{}' : source), undefined);
  });
}

test('a slip is where its owner counts it, and behind the last line where the source ends too early', async () => {
  const source = '({\n  main() { retrun 1; },\n})';
  const slip = await findSlip(load('3:19'), source);
  assert.deepEqual([slip.line, slip.column], [2, 12]);
  assert.match(slip.message, /Unexpected/);
  assert.deepEqual(await findSlip(load('9:1'), source).then(({ line, column }) => [line, column]), [3, undefined]);
});

test('what is wrong in another way than by its syntax is no slip', async () => {
  const error = { name: 'TimeoutError', message: 'm', stack: '' };
  assert.equal(await findSlip(async () => error, '({'), undefined);
});
