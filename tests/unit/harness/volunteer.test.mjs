import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decode, encode } from '../../../app/static/harness/codec.js';
import { Volunteer } from '../../../app/static/harness/volunteer.js';
import { FakeClock, FakeFrame, FakeSocket } from './fakes.mjs';

const CAMPAIGN = {
  id: 3, name: 'Primes', run: 1, kernel_version: 1, kernel_hash: 'K', static_hash: 'S', deadline_ms: 1000,
  sloppy: false, max_result_bytes: 1000, max_batch_bytes: 10000, resume: 'ticket',
};

function setUp(threads = 1) {
  const desk = { clock: new FakeClock(), frame: new FakeFrame(), sockets: [], phases: [] };
  desk.volunteer = new Volunteer({
    ...desk, url: 'ws://x/ws', campaignId: 3, threads, share: 100, device: 'test', random: () => 0.5,
    openSocket: () => {
      desk.sockets.push(new FakeSocket());
      return desk.sockets.at(-1);
    },
  }, (view) => {
    desk.view = view;
    if (desk.phases.at(-1) !== view.phase) desk.phases.push(view.phase);
  });
  desk.volunteer.start();
  return desk;
}

function meet({ sockets }, campaign = CAMPAIGN) {
  const socket = sockets.at(-1);
  if (socket.readyState === 0) socket.accept();
  for (const frame of [`c${JSON.stringify(campaign)}`, 'k', 'kernel', 's', '']) socket.receive(frame);
  return socket;
}

const bringUp = (worker) => {
  worker.say('up');
  worker.say('loaded');
};
const grant = (socket, ...leases) => socket.receive(encode(leases.map((lease) => [lease, new Uint8Array(1)]), 1e6));
const sent = ({ sockets }) => sockets.at(-1).sent.filter((data) => typeof data !== 'string').map((b) => decode(b));
const nothing = ({ frame }) => frame.alive[0].say('answers', [0, 1, null]);

function working(...leases) {
  const desk = setUp();
  desk.socket = meet(desk);
  bringUp(desk.frame.alive[0]);
  grant(desk.socket, ...leases);
  return desk;
}

test('the badge goes from starting over computing to waiting, and says so only when nothing is in hand', () => {
  const desk = working(1, 2);
  desk.socket.receive('w');
  assert.deepEqual(desk.phases, ['starting', 'working']);
  nothing(desk);
  nothing(desk);
  assert.deepEqual(desk.phases, ['starting', 'working', 'waiting']);
  assert.deepEqual([desk.view.done, desk.view.failed, desk.view.campaignName], [2, 0, 'Primes']);
});

test('the end of a campaign says so and leaves no worker', () => {
  const desk = working(1);
  nothing(desk);
  desk.socket.fall(1000);
  assert.deepEqual([desk.view.phase, desk.view.code], ['ended', 1000]);
  assert.equal(desk.frame.alive.length, 0);
});

test('after a reconnect the same workers go on with the same kernel', () => {
  const desk = working(1);
  nothing(desk);
  desk.socket.fall(1012);
  assert.equal(desk.view.phase, 'reconnecting');
  desk.clock.pass(2000);
  const socket = meet(desk);
  assert.equal(desk.frame.spawned.length, 1);
  assert.deepEqual(sent(desk), [[8, []]]);
  grant(socket, 1);
  assert.equal(desk.view.phase, 'working');
});

test('what was computed for a lost connection is not sent on the next one', () => {
  const desk = working(1, 2);
  desk.socket.fall(1006);
  nothing(desk);
  desk.clock.pass(900);
  meet(desk);
  assert.equal(desk.frame.spawned[0].killed, true);
  bringUp(desk.frame.alive[0]);
  assert.deepEqual(sent(desk).flatMap(([, answers]) => answers), []);
});

test('a pause outlasts a reconnect, and asks for nothing', () => {
  const desk = working(1);
  desk.volunteer.pause();
  desk.clock.pass(1001);
  assert.equal(desk.view.phase, 'paused');
  desk.socket.fall(1012);
  desk.clock.pass(1000);
  meet(desk);
  assert.equal(desk.view.phase, 'paused');
  assert.equal(desk.frame.alive.length, 0);
  assert.deepEqual(sent(desk), []);
  desk.volunteer.resume();
  bringUp(desk.frame.alive[0]);
  assert.equal(sent(desk).at(-1)[0], 2);
});

test('five failures in a row hand in the errors, give the rest back and leave', () => {
  const desk = working(1, 2, 3, 4, 5, 6, 7);
  for (let i = 0; i < 5; i += 1) {
    desk.clock.pass(1001);
    grant(desk.socket);
    if (desk.frame.alive.length > 0) bringUp(desk.frame.alive[0]);
  }
  assert.equal(desk.view.phase, 'spent');
  assert.equal(desk.socket.sent.at(-1), 'b');
  const kinds = sent(desk).flatMap(([, answers]) => answers).map(([lease, kind]) => [lease, kind]);
  assert.deepEqual(kinds, [[1, 2], [2, 2], [3, 2], [4, 2], [5, 2], [6, 3], [7, 3]]);
});

test('a kernel that does not load is told to the server, and its next version is tried', () => {
  const desk = setUp(2);
  const socket = meet(desk);
  desk.frame.alive[0].say('up');
  desk.frame.alive[0].say('load-failed', encode({ name: 'SyntaxError', message: 'odd', stack: '' }, 1e4));
  assert.equal(socket.sent.at(-1), 'x{"name":"SyntaxError","message":"odd","stack":""}');
  assert.deepEqual([desk.view.phase, desk.view.message], ['unloadable', 'SyntaxError: odd']);
  socket.receive('u');
  meet(desk, { ...CAMPAIGN, kernel_hash: 'K2' });
  bringUp(desk.frame.alive[0]);
  assert.equal(sent(desk).at(-1)[0], 3);
});

test('bytes that are no error still become one', () => {
  const desk = setUp();
  const socket = meet(desk);
  desk.frame.alive[0].say('up');
  desk.frame.alive[0].say('load-failed', new Uint8Array([0xc1]));
  assert.equal(socket.sent.at(-1), 'x{"name":"Error","message":"the kernel failed, and its error cannot be read","stack":""}');
});

test('a change gives back what is in hand and ends the old workers', () => {
  const desk = working(1, 2);
  desk.socket.receive('u');
  assert.equal(desk.frame.alive.length, 0);
  grant(desk.socket);
  assert.deepEqual(sent(desk).at(-1), [0, [[1, 3, 0], [2, 3, 0]]]);
  grant(desk.socket, 3);
  grant(desk.socket);
  assert.deepEqual(sent(desk).at(-1), [0, [[3, 3, 0]]]);
});

test('what the kernel prints goes out once a second', () => {
  const desk = working(1);
  const [worker] = desk.frame.alive;
  worker.say('line', 'log', 'one');
  worker.say('report', 0.5, 'half');
  desk.clock.pass(100);
  worker.say('line', 'log', 'two');
  desk.clock.pass(300);
  const told = () => desk.socket.sent.filter((data) => data[0] === 'p');
  assert.deepEqual(told(), ['p{"progress":0.5,"note":"half","lines":[["log","one"]]}']);
  desk.clock.pass(700);
  assert.equal(told()[1], 'p{"lines":[["log","two"]]}');
});
