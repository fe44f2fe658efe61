import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decode, encode } from '../../../app/static/harness/codec.js';
import { layOut } from '../../../app/static/js/execute/layout.js';
import { findPlace, straighten } from '../../../app/static/js/execute/place.js';
import { startTrial } from '../../../app/static/js/execute/trial.js';
import { encodeTyped } from '../../../app/static/js/execute/typed.js';
import { FakeClock, FakeFrame } from './fakes.mjs';

const show = (value, width = 40) => layOut(encode(value, 1 << 24), width);

for (const [stack, place] of [
  ['TypeError: x\n    at Object.main (kernel.js:3:15)\n    at f (kernel.js:9:1)', { line: 3, column: 15 }],
  ['Error\n    at kernel.js:12:3', { line: 12, column: 3 }],
  ['Error\n    at eval (eval at main (kernel.js:2:5), <anonymous>:1:1)', { line: 2, column: 5 }],
  ['Error: see kernel.js:1:1\n    at main (kernel.js:4:2)', { line: 4, column: 2 }],
  ['main@kernel.js:3:15\n@kernel.js:9:1\n', { line: 3, column: 15 }],
  ['    at kernel.js:21:1', { line: 20, column: undefined }],
  ['', undefined], ['Error: x\n    at <anonymous>', undefined], ['at no:1:2', undefined],
]) {
  test(`the place in ${JSON.stringify(stack)}`, () => assert.deepEqual(findPlace(stack, 20), place));
}

test('columns are put right on the first line alone, and never below the first column', () => {
  assert.equal(straighten('(kernel.js:1:30) (kernel.js:2:30) (kernel.js:11:5)', 21), '(kernel.js:1:9) (kernel.js:2:30) (kernel.js:11:5)');
  assert.equal(straighten('kernel.js:1:4', 21), 'kernel.js:1:1');
});

for (const [value, text] of [
  [null, 'null'], [true, 'true'], [-0, '-0'], [NaN, 'NaN'], [-Infinity, '-Infinity'], [2n ** 63n, '9223372036854775808'],
  ['a "b"\n', '"a \\"b\\"\\n"'], [[], '[]'], [{}, '{}'], [new Uint8Array(0), '<0 bytes>'],
  [new Uint8Array([9]), '<1 byte: 09>'],
  [new Uint8Array(20), '<20 bytes: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 …>'],
  [{ a: [1, 'x'], b: { c: null } }, '{"a": [1, "x"], "b": {"c": null}}'],
  [JSON.parse('{"__proto__": 1}'), '{"__proto__": 1}'],
]) {
  test(`${text} is laid out on one line`, () => assert.deepEqual(show(value), { text, isWhole: true }));
}

test('what is too wide takes several lines, and plain elements share them', () => {
  const numbers = Array.from({ length: 12 }, (_, i) => 1000 + i);
  assert.equal(show({ name: 'n', numbers, deep: { text: 'x'.repeat(30), more: [] } }).text, [
    '{', '  "name": "n",', '  "numbers": [', '    1000, 1001, 1002, 1003, 1004, 1005,',
    '    1006, 1007, 1008, 1009, 1010, 1011', '  ],', '  "deep": {', `    "text": "${'x'.repeat(30)}",`,
    '    "more": []', '  }', '}',
  ].join('\n'));
});

test('a long array and a long text are cut, and it is said how much is missing', () => {
  const long = show(Array.from({ length: 5000 }, () => 0));
  assert.equal(long.isWhole, false);
  assert.match(long.text, /… 3,000 more\n\]$/);
  const wide = show('y'.repeat(20_000));
  assert.equal(wide.isWhole, false);
  assert.match(wide.text, /y…" \(20,000 characters\)$/);
});

test('a typed dataset becomes the bytes that a volunteer would get', () => {
  assert.deepEqual(decode(encodeTyped(' {"n": 1, "s": ["ż"], "__proto__": {}}\n', 100)), JSON.parse('{"n": 1, "s": ["ż"], "__proto__": {}}'));
  assert.throws(() => encodeTyped('{"n": "long"}', 5), { message: 'The dataset is larger than 5 bytes.' });
  assert.throws(() => encodeTyped('{n: 1}', 100), /^Error: This is not JSON: .*double quotes\.$/);
  assert.throws(() => encodeTyped('[]', 100), /This is an array\.$/);
});

const TASK = { kernel: 'K', staticDataset: 'S', sloppy: true, deadlineMs: 1000, maxResultBytes: 100 };

function start() {
  const [clock, frame, heard] = [new FakeClock(), new FakeFrame(), []];
  const note = (name) => (...values) => heard.push([name, ...values]);
  const stop = startTrial({ clock, frame }, TASK, new Uint8Array([7]), {
    onLoaded: note('loaded'), onEnd: note('end'), onLine: note('line'), onReport: note('report'),
  });
  const worker = frame.spawned[0];
  const compute = () => { worker.say('up'); worker.say('loaded'); };
  return { clock, frame, heard, stop, worker, compute };
}

test('a run loads the campaign’s kernel in one worker, gives it the dataset, and ends the worker with the answer', () => {
  const { frame, heard, worker, compute } = start();
  compute();
  assert.deepEqual(worker.told, [['load', 'K', 'S', true, 100], ['compute', [new Uint8Array([7])]]]);
  worker.say('answers', [1, 3, new Uint8Array([5])]);
  assert.deepEqual(heard, [['loaded'], ['end', { kind: 'value', ms: 3, bytes: new Uint8Array([5]) }]]);
  assert.equal(frame.alive.length, 0);
});

test('a run past the deadline ends as a volunteer’s dataset does, and once', () => {
  const { clock, frame, heard, stop, compute } = start();
  compute();
  clock.pass(1001);
  stop();
  clock.pass(100_000);
  const error = { name: 'TimeoutError', message: 'the dataset took longer than 1000 ms', stack: '' };
  assert.deepEqual(heard, [['loaded'], ['end', { kind: 'failed', ms: 1000, error }]]);
  assert.equal(frame.alive.length, 0);
});

test('a run is stopped while it loads and while it computes', () => {
  for (const isComputing of [false, true]) {
    const { frame, heard, stop, compute } = start();
    if (isComputing) compute();
    stop();
    assert.deepEqual(heard.at(-1), ['end', { kind: 'stopped' }]);
    assert.equal(frame.alive.length, 0);
  }
});

test('what does not load, crashes or breaks a rule has its error', () => {
  const unloadable = start();
  unloadable.worker.say('up');
  unloadable.worker.say('load-failed', encode({ name: 'SyntaxError', message: 'm', stack: 's' }, 100));
  assert.deepEqual(unloadable.heard.at(-1)[1], { kind: 'unloadable', error: { name: 'SyntaxError', message: 'm', stack: 's' } });
  for (const act of [({ worker }) => worker.crash('out of memory'), ({ worker }) => worker.say('loaded')]) {
    const run = start();
    run.compute();
    act(run);
    assert.equal(run.heard.at(-1)[1].kind, 'failed');
    assert.equal(run.heard.at(-1)[1].error.name, 'WorkerError');
    assert.equal(run.frame.alive.length, 0);
  }
});
