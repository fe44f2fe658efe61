import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decode } from '../../../app/static/harness/codec.js';
import { Pool } from '../../../app/static/harness/pool.js';
import { FakeClock, FakeFrame } from './fakes.mjs';

const TASK = { kernel: 'K', staticDataset: '', sloppy: false, deadlineMs: 1000, maxResultBytes: 100 };
const NOTHING = 0, RESULT = 1, ERROR = 2, GIVEN_BACK = 3;

function setUp({ threads = 1, task = TASK } = {}) {
  const clock = new FakeClock();
  const frame = new FakeFrame();
  const answers = [];
  const heard = [];
  const note = (name) => (...values) => heard.push([name, ...values]);
  const pool = new Pool(frame, clock, {
    onLoaded: note('loaded'), onLoadFailed: note('load failed'), onSpent: note('spent'), onLine: note('line'),
    onReport: note('report'), onAnswers: (list) => answers.push(...list),
  });
  pool.threads = threads;
  pool.load(task);
  return { clock, frame, answers, heard, pool };
}

function bringUp(worker) {
  worker.say('up');
  worker.say('loaded');
}

const datasets = (...leases) => leases.map((lease) => ({ lease, bytes: new Uint8Array([lease]) }));
const working = (frame) => frame.alive.filter(({ told }) => told.at(-1)?.[0] === 'compute');
const given = (worker) => worker.told.filter(([name]) => name === 'compute').map(([, list]) => list.map(([n]) => n));

function ready(options) {
  const desk = setUp(options);
  bringUp(desk.frame.spawned[0]);
  desk.frame.spawned.slice(1).forEach(bringUp);
  return desk;
}

test('the other workers start when the first has loaded the kernel', () => {
  const { frame, heard } = setUp({ threads: 3 });
  assert.equal(frame.spawned.length, 1);
  frame.spawned[0].say('up');
  assert.deepEqual(frame.spawned[0].told, [['load', 'K', '', false, 100]]);
  frame.spawned[0].say('loaded');
  assert.equal(frame.spawned.length, 3);
  bringUp(frame.spawned[1]);
  assert.deepEqual(heard, [['loaded']]);
});

test('a worker never learns which dataset it computes', () => {
  const { pool, frame, answers } = ready();
  pool.give(datasets(77));
  assert.deepEqual(frame.spawned[0].told.at(-1), ['compute', [new Uint8Array([77])]]);
  frame.spawned[0].say('answers', [RESULT, 3, new Uint8Array([1])]);
  assert.deepEqual(answers, [{ lease: 77, kind: RESULT, ms: 3, payload: new Uint8Array([1]) }]);
});

test('short datasets are given many at a time, long ones one by one', () => {
  const { pool, frame } = ready();
  const [worker] = frame.spawned;
  pool.give(datasets(1, 2, 3, 4, 5, 6, 7));
  worker.say('answers', [NOTHING, 5, null]);
  assert.deepEqual(given(worker), [[1], [2, 3, 4, 5, 6]]);
  worker.say('answers', [NOTHING, 500, null, NOTHING, 500, null, NOTHING, 500, null, NOTHING, 500, null, NOTHING, 500, null]);
  assert.deepEqual(given(worker).at(-1), [6 + 1]);
});

test('a dataset past its deadline is answered as an error, and another worker goes on', () => {
  const { pool, frame, clock, answers } = ready();
  pool.give(datasets(1, 2));
  clock.pass(999);
  assert.equal(answers.length, 0);
  clock.pass(2);
  assert.equal(frame.spawned[0].killed, true);
  assert.deepEqual(decode(answers[0].payload), {
    name: 'TimeoutError', message: 'the dataset took longer than 1000 ms', stack: '',
  });
  bringUp(frame.spawned[1]);
  assert.deepEqual(given(frame.spawned[1]), [[2]]);
});

test('where several datasets were under way, each is tried again alone, and only the guilty one is blamed', () => {
  const { pool, frame, clock, answers } = ready();
  pool.give(datasets(1, 2, 3, 4, 5));
  frame.spawned[0].say('answers', [NOTHING, 1, null]);
  assert.deepEqual(given(frame.spawned[0]).at(-1), [2, 3, 4, 5]);
  frame.spawned[0].say('answers', [NOTHING, 9, null]);
  clock.pass(1001);
  assert.deepEqual(answers.map(({ lease, kind }) => [lease, kind]), [[1, NOTHING], [2, NOTHING]]);
  const [, second] = frame.spawned;
  bringUp(second);
  second.say('answers', [NOTHING, 1, null]);
  clock.pass(1001);
  const [, , third] = frame.spawned;
  bringUp(third);
  third.say('answers', [NOTHING, 1, null]);
  assert.deepEqual(answers.slice(2).map(({ lease, kind }) => [lease, kind]), [[3, NOTHING], [4, ERROR], [5, NOTHING]]);
  assert.deepEqual(given(second).concat(given(third)), [[3], [4], [5]]);
});

test('a long time limit is waited for once, and only for a dataset that is alone', () => {
  const { pool, frame, clock, answers } = ready({ task: { ...TASK, deadlineMs: 60_000 } });
  pool.give(datasets(1, 2, 3));
  frame.spawned[0].say('answers', [NOTHING, 1, null]);
  clock.pass(1001);
  assert.equal(frame.spawned[0].killed, true);
  bringUp(frame.spawned[1]);
  clock.pass(59_000);
  assert.deepEqual(answers.map(({ lease }) => lease), [1]);
  clock.pass(1001);
  assert.deepEqual(answers.map(({ lease, kind }) => [lease, kind]), [[1, NOTHING], [2, ERROR]]);
});

test('when the sandbox is gone, what was computed alone is blamed, and all else is given back', () => {
  const { pool, frame, answers } = ready({ threads: 2 });
  const [alone, several] = frame.spawned;
  pool.give(datasets(1, 2));
  several.say('answers', [NOTHING, 1, null]);
  pool.give(datasets(3, 4, 5, 6, 7));
  pool.lose('it is gone');
  const ended = answers.slice(1).map(({ lease, kind }) => [lease, kind]);
  assert.deepEqual(ended.filter(([, kind]) => kind === ERROR), [[1, ERROR]]);
  assert.deepEqual(ended.map(([lease]) => lease).sort(), [1, 3, 4, 5, 6, 7]);
  assert.equal(decode(answers.find(({ kind }) => kind === ERROR).payload).message, 'it is gone');
  assert.equal(frame.alive.length, 0);
  assert.equal(given(alone).length, 1);
});

test('an answer in good time starts the next deadline anew', () => {
  const { pool, frame, clock, answers } = ready();
  pool.give(datasets(1, 2, 3));
  frame.spawned[0].say('answers', [NOTHING, 1, null]);
  clock.pass(900);
  frame.spawned[0].say('answers', [NOTHING, 900, null]);
  clock.pass(900);
  assert.equal(frame.spawned[0].killed, false);
  frame.spawned[0].say('answers', [NOTHING, 900, null]);
  clock.pass(5000);
  assert.deepEqual(answers.map(({ kind }) => kind), [NOTHING, NOTHING, NOTHING]);
});

test('five failures in a row leave the campaign alone, and one answer between them does not', () => {
  const { pool, frame, clock, answers, heard } = ready();
  pool.give(datasets(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  const fail = () => {
    clock.pass(1001);
    bringUp(frame.spawned.at(-1));
  };
  for (let i = 0; i < 4; i += 1) fail();
  frame.spawned.at(-1).say('answers', [NOTHING, 10_000, null]);
  for (let i = 0; i < 4; i += 1) fail();
  assert.ok(!heard.some(([name]) => name === 'spent'));
  clock.pass(1001);
  assert.equal(heard.at(-1)[0], 'spent');
  assert.equal(frame.alive.length, 0);
  assert.equal(answers.at(-1).kind, GIVEN_BACK);
  assert.equal(answers.length, 11);
});

for (const [what, ...message] of [
  ['an unknown message', 'hello'], ['a second start', 'up'], ['a second load', 'loaded'],
  ['a late load failure', 'load-failed', new Uint8Array(1)], ['an answer too many', 'answers', [0, 1, null, 0, 1, null]],
  ['no answer', 'answers', []], ['half an answer', 'answers', [0, 1]], ['an unknown kind', 'answers', [3, 1, null]],
  ['a result that is no bytes', 'answers', [RESULT, 1, 'text']], ['a result without bytes', 'answers', [RESULT, 1, null]],
  ['nothing with bytes', 'answers', [NOTHING, 1, new Uint8Array(1)]],
  ['a result over the limit', 'answers', [RESULT, 1, new Uint8Array(101)]],
  ['an error over the limit', 'answers', [ERROR, 1, new Uint8Array(1 << 20)]],
  ['a negative time', 'answers', [NOTHING, -1, null]], ['a time that is no number', 'answers', [NOTHING, 'x', null]],
  ['a line on an unknown level', 'line', 'shout', 'x'], ['a line that is too long', 'line', 'log', 'x'.repeat(1001)],
  ['a progress beyond its end', 'report', 2, null],
]) {
  test(`${what} from a worker ends it`, () => {
    const { pool, frame, answers } = ready();
    pool.give(datasets(1));
    frame.spawned[0].say(...message);
    assert.equal(frame.spawned[0].killed, true);
    assert.equal(decode(answers[0].payload).message, 'the worker spoke out of turn');
    frame.spawned[0].say('answers', [NOTHING, 1, null]);
    assert.equal(answers.length, 1);
  });
}

test('a flood of lines ends a worker, a line now and then does not', () => {
  const { pool, frame, clock, heard } = ready();
  pool.give(datasets(1));
  for (let i = 0; i < 40; i += 1) {
    clock.pass(20);
    frame.spawned[0].say('line', 'log', 'x');
  }
  assert.equal(heard.filter(([name]) => name === 'line').length, 40);
  for (let i = 0; i < 100; i += 1) frame.spawned[0].say('line', 'log', 'x');
  assert.equal(frame.spawned[0].killed, true);
});

test('a kernel that does not load ends every worker and gives everything back', () => {
  const { frame, heard } = setUp({ threads: 2 });
  frame.spawned[0].say('up');
  frame.spawned[0].say('load-failed', new Uint8Array([1]));
  assert.deepEqual(heard, [['load failed', new Uint8Array([1])]]);
  assert.equal(frame.alive.length, 0);
});

test('a kernel that never finishes loading fails, but not because datasets must be quick', () => {
  const { frame, clock, heard } = setUp();
  clock.pass(3000);
  frame.spawned[0].say('up');
  clock.pass(4999);
  assert.deepEqual(heard, []);
  clock.pass(2);
  assert.equal(heard[0][0], 'load failed');
  assert.equal(decode(heard[0][1]).message, 'loading the kernel took longer than 5000 ms');
  assert.equal(frame.alive.length, 0);
});

test('a worker that never comes up fails like a kernel that does not load', () => {
  const { clock, heard } = setUp();
  clock.pass(20_001);
  assert.equal(decode(heard[0][1]).message, 'starting a worker took longer than 20000 ms');
});

test('a worker that crashes is replaced, and its dataset is an error', () => {
  const { pool, frame, answers } = ready();
  pool.give(datasets(1));
  frame.spawned[0].crash('out of memory');
  assert.equal(decode(answers[0].payload).message, 'out of memory');
  assert.equal(frame.alive.length, 1);
});

test('a share of a quarter rests three times as long as it worked', () => {
  const { pool, frame, clock } = ready();
  const [worker] = frame.spawned;
  pool.setShare(25);
  pool.give(datasets(1, 2));
  clock.pass(100);
  worker.say('answers', [NOTHING, 100, null]);
  clock.pass(299);
  assert.deepEqual(given(worker), [[1]]);
  clock.pass(1);
  assert.deepEqual(given(worker), [[1], [2]]);
  assert.equal(pool.msPerDataset, 400);
});

test('a larger share ends the rest that a smaller one began', () => {
  const { pool, frame, clock } = ready();
  pool.setShare(25);
  pool.give(datasets(1, 2));
  clock.pass(900);
  frame.spawned[0].say('answers', [NOTHING, 900, null]);
  pool.setShare(100);
  assert.deepEqual(given(frame.spawned[0]), [[1], [2]]);
});

test('pause gives back what waits, waits a moment for what runs, and leaves no worker', () => {
  const { pool, frame, clock, answers } = ready({ threads: 2, task: { ...TASK, deadlineMs: 5000 } });
  pool.give(datasets(1, 2, 3));
  pool.pause();
  assert.deepEqual(answers, [{ lease: 3, kind: GIVEN_BACK, ms: 0 }]);
  assert.equal(working(frame).length, 2);
  clock.pass(500);
  frame.alive[0].say('answers', [NOTHING, 500, null]);
  assert.equal(frame.alive.length, 1);
  clock.pass(500);
  assert.equal(frame.alive.length, 0);
  assert.deepEqual(answers.slice(1).map(({ lease, kind }) => [lease, kind]), [[1, NOTHING], [2, GIVEN_BACK]]);
  pool.give(datasets(4));
  assert.deepEqual(answers.at(-1), { lease: 4, kind: GIVEN_BACK, ms: 0 });
  pool.resume();
  assert.equal(frame.alive.length, 2);
});

test('a pause that ended in time leaves what runs alone', () => {
  const { pool, frame, clock } = ready();
  pool.give(datasets(1));
  pool.pause();
  clock.pass(300);
  pool.resume();
  clock.pass(600);
  assert.equal(frame.spawned[0].killed, false);
});

test('fewer threads end idle workers at once and busy ones after their work', () => {
  const { pool, frame } = ready({ threads: 3 });
  pool.give(datasets(1, 2));
  pool.resize(1);
  assert.equal(frame.alive.length, 2);
  frame.alive[0].say('answers', [NOTHING, 1, null]);
  assert.equal(frame.alive.length, 1);
  pool.resize(2);
  assert.equal(frame.alive.length, 2);
});

test('forgotten datasets are neither computed on nor answered', () => {
  const { pool, frame, answers } = ready();
  pool.give(datasets(1, 2));
  pool.forgetDatasets();
  assert.equal(frame.spawned[0].killed, true);
  assert.equal(frame.alive.length, 1);
  assert.deepEqual(answers, []);
});

test('every dataset is answered exactly once, whatever workers do', () => {
  let seed = 7;
  const random = () => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed / 2147483648;
  };
  for (let round = 0; round < 200; round += 1) {
    const { pool, frame, clock, answers, heard } = setUp({ threads: 1 + Math.floor(random() * 4) });
    let lease = 0;
    for (let step = 0; step < 60; step += 1) {
      const worker = frame.alive[Math.floor(random() * frame.alive.length)];
      const choice = random();
      if (choice < 0.35 && worker) bringUp(worker);
      else if (choice < 0.55) pool.give(datasets(...Array.from({ length: 1 + Math.floor(random() * 9) }, () => (lease += 1))));
      else if (choice < 0.8 && worker) {
        const count = given(worker).at(-1)?.length ?? 0;
        worker.say('answers', Array.from({ length: 1 + Math.floor(random() * count) }, () => [NOTHING, random() * 30, null]).flat());
      } else if (choice < 0.84) clock.pass(600);
      else if (choice < 0.88 && worker) worker.crash('crash');
      else if (choice < 0.92) pool.pause();
      else if (choice < 0.98) pool.resume();
      else pool.resize(1 + Math.floor(random() * 4));
      if (heard.some(([name]) => name === 'spent' || name === 'load failed')) break;
    }
    pool.stop();
    assert.deepEqual(answers.map((answer) => answer.lease).sort((a, b) => a - b), Array.from({ length: lease }, (_, i) => i + 1));
    assert.equal(frame.alive.length, 0);
  }
});
