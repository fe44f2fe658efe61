import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sizeBackoff } from '../../../app/static/harness/backoff.js';
import { decode, encode } from '../../../app/static/harness/codec.js';
import { Connection } from '../../../app/static/harness/connection.js';
import { FakeClock, FakeSocket } from './fakes.mjs';

const CAMPAIGN = {
  id: 3, name: 'Test', run: 1, kernel_version: 1, kernel_hash: 'K', static_hash: 'S', deadline_ms: 60000,
  sloppy: false, max_result_bytes: 1000, max_batch_bytes: 10000, resume: 'ticket',
};

function setUp({ threads = 1, hold = 4 } = {}) {
  const clock = new FakeClock();
  const sockets = [];
  const heard = [];
  const note = (name) => (...values) => heard.push([name, ...values]);
  const connection = new Connection({
    url: 'ws://x/ws', campaignId: 3, threads, device: 'test', clock, random: () => 0.5, sizeTarget: () => hold,
    openSocket: () => {
      sockets.push(new FakeSocket());
      return sockets.at(-1);
    },
  }, Object.fromEntries(
    ['onCampaign', 'onChanged', 'onDatasets', 'onWait', 'onLost', 'onReconnecting', 'onEnded'].map((n) => [n, note(n)]),
  ));
  connection.open();
  sockets[0].accept();
  const names = () => heard.map(([name]) => name);
  return { clock, sockets, heard, names, connection, get socket() { return sockets.at(-1); } };
}

function introduce(socket, campaign = CAMPAIGN, texts = ['k', 'the kernel', 's', 'the data']) {
  socket.receive(`c${JSON.stringify(campaign)}`);
  for (const text of texts) socket.receive(text);
}

const batches = (socket) => socket.sent.filter((data) => typeof data !== 'string').map((data) => decode(data));
const grant = (...leases) => encode(leases.map((lease) => [lease, new Uint8Array([lease])]), 1e6);
const result = (lease, size = 1) => ({ lease, kind: 1, ms: 2.4, payload: new Uint8Array(size) });

test('the hello names the campaign, the threads and what need not be sent', () => {
  const { socket } = setUp({ threads: 2 });
  assert.equal(socket.sent[0], 'i3 {"v":2,"threads":2,"device":"test","have":[]}');
});

test('nothing is asked for before the kernel runs', () => {
  const { socket, connection, names } = setUp();
  introduce(socket);
  assert.deepEqual(names(), ['onCampaign']);
  assert.equal(batches(socket).length, 0);
  connection.ask(true);
  assert.deepEqual(batches(socket), [[4, []]]);
});

test('a campaign is complete only with both of its texts', () => {
  const { socket, heard } = setUp();
  introduce(socket, CAMPAIGN, ['k', 'c{']);
  assert.equal(heard.length, 0);
  socket.receive('s');
  socket.receive('u');
  assert.equal(heard[0][1].kernel, 'c{');
  assert.equal(heard[0][1].staticDataset, 'u');
});

test('want counts what is held, and one exchange is under way at a time', () => {
  const { socket, connection, heard } = setUp({ threads: 2, hold: 6 });
  introduce(socket);
  connection.ask(true);
  socket.receive(grant(1, 2, 3, 4, 5, 6));
  assert.deepEqual(heard.at(-1)[1].map(({ lease }) => lease), [1, 2, 3, 4, 5, 6]);
  connection.answer([result(1), result(2), result(3), result(4)]);
  connection.answer([result(5)]);
  assert.deepEqual(batches(socket).slice(1), [[4, [1, 2, 3, 4].map((n) => [n, 1, 2, new Uint8Array(1)])]]);
  socket.receive(grant(7, 8, 9, 10));
  assert.equal(batches(socket).length, 2);
});

test('a batch that comes unasked brings datasets and acknowledges nothing', () => {
  const { socket, connection, heard } = setUp({ hold: 2 });
  introduce(socket);
  connection.ask(true);
  socket.receive(grant(1));
  connection.answer([result(1)]);
  assert.equal(connection.outbox.sent.length, 1);
  socket.receive('d');
  socket.receive(grant(2));
  assert.equal(connection.outbox.sent.length, 1);
  assert.deepEqual(heard.at(-1)[1].map(({ lease }) => lease), [2]);
  socket.receive(grant());
  assert.equal(connection.outbox.sent.length, 0);
});

test('answers wait for half a second while there is work in hand, and no longer', () => {
  const { socket, connection, clock } = setUp({ hold: 10 });
  introduce(socket);
  connection.ask(true);
  socket.receive(grant(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
  connection.answer([result(1)]);
  clock.pass(400);
  assert.equal(batches(socket).length, 1);
  connection.answer([result(2)]);
  clock.pass(101);
  assert.deepEqual(batches(socket)[1][1].map(([lease]) => lease), [1, 2]);
});

test('without work in hand answers are sent at once', () => {
  const { socket, connection } = setUp({ hold: 2 });
  introduce(socket);
  connection.ask(true);
  socket.receive(grant(1));
  socket.receive('w');
  connection.answer([result(1)]);
  assert.deepEqual(batches(socket)[1], [2, [[1, 1, 2, new Uint8Array(1)]]]);
});

test('asking for none takes the credit back at once', () => {
  const { socket, connection } = setUp({ hold: 5 });
  introduce(socket);
  connection.ask(true);
  socket.receive(grant(1));
  connection.ask(false);
  assert.deepEqual(batches(socket)[1], [0, []]);
});

test('a batch holds no more bytes than the server takes', () => {
  const { socket, connection } = setUp({ hold: 20 });
  introduce(socket);
  connection.ask(true);
  socket.receive(grant(...Array.from({ length: 20 }, (_, i) => i + 1)));
  connection.answer(Array.from({ length: 20 }, (_, i) => result(i + 1, 900)));
  for (let i = 0; i < 5; i += 1) socket.receive(grant());
  assert.ok(socket.sent.every((data) => typeof data === 'string' || data.byteLength <= 10000));
  const seen = batches(socket).flatMap(([, answers]) => answers.map(([lease]) => lease));
  assert.deepEqual(seen, Array.from({ length: 20 }, (_, i) => i + 1));
});

test('an answer to a lease that is not held is dropped', () => {
  const { socket, connection } = setUp();
  introduce(socket);
  connection.ask(true);
  socket.receive(grant(1));
  connection.answer([result(1), result(1), result(9)]);
  assert.deepEqual(batches(socket)[1][1].map(([lease]) => lease), [1]);
});

test('a lost connection is opened again with the ticket and the hashes, and its leases are forgotten', () => {
  const desk = setUp();
  introduce(desk.socket);
  desk.connection.ask(true);
  desk.socket.receive(grant(1));
  desk.socket.fall(1012);
  desk.connection.answer([result(1)]);
  desk.clock.pass(10_000);
  desk.socket.accept();
  assert.match(desk.socket.sent[0], /"have":\["K","S"\],"resume":"ticket"/);
  introduce(desk.socket, CAMPAIGN, []);
  assert.deepEqual(desk.names(), ['onCampaign', 'onDatasets', 'onReconnecting', 'onLost', 'onCampaign']);
  desk.connection.ask(true);
  assert.deepEqual(batches(desk.socket), [[4, []]]);
});

test('where the server kept the leases, what it did not acknowledge is sent again', () => {
  const desk = setUp();
  introduce(desk.socket);
  desk.connection.ask(true);
  desk.socket.receive(grant(1, 2, 3));
  desk.connection.answer([result(1), result(2)]);
  desk.socket.fall(1006);
  desk.connection.answer([result(3)]);
  desk.clock.pass(10_000);
  desk.socket.accept();
  introduce(desk.socket, { ...CAMPAIGN, resumed: true }, []);
  assert.deepEqual(batches(desk.socket)[0][1].map(([lease]) => lease), [1, 2, 3]);
  assert.ok(!desk.names().includes('onLost'));
});

for (const code of [1001, 1006, 1011, 1012, 1013]) {
  test(`a connection that ends with ${code} comes back`, () => {
    const desk = setUp();
    desk.socket.fall(code);
    desk.clock.pass(61_000);
    assert.equal(desk.sockets.length, 2);
  });
}

for (const code of [1000, 1002, 1003, 1008, 1009, 4404, 4409, 4499]) {
  test(`a connection that ends with ${code} does not come back`, () => {
    const desk = setUp();
    desk.socket.fall(code, 'why');
    desk.clock.pass(3_600_000);
    assert.equal(desk.sockets.length, 1);
    assert.deepEqual(desk.heard, [['onEnded', code, 'why']]);
  });
}

test('waits grow, are spread, and end at a minute', () => {
  const waits = [0, 1, 2, 3, 10].map((failures) => sizeBackoff(1006, failures, () => 0.999));
  assert.deepEqual(waits.map(Math.round), [1000, 1999, 3998, 7996, 59970]);
  assert.ok(sizeBackoff(1006, 0, () => 0) >= 500);
  assert.ok(sizeBackoff(1013, 0, () => 0) >= 7500);
});

test('a server that never answers a batch is left for another connection', () => {
  const desk = setUp();
  introduce(desk.socket);
  desk.connection.ask(true);
  desk.clock.pass(100_000);
  assert.equal(desk.sockets[0].readyState, 2);
  assert.ok(desk.sockets.length >= 2);
});

test('a quiet connection is asked now and then whether it lives', () => {
  const desk = setUp();
  introduce(desk.socket);
  desk.connection.ask(true);
  desk.socket.receive(grant());
  desk.clock.pass(31_000);
  assert.deepEqual(batches(desk.socket), [[4, []], [4, []]]);
});

for (const [what, ...frames] of [
  ['an unknown letter', 'z'], ['a kernel without a campaign', 'k'], ['a campaign that is not JSON', 'c{'],
  ['a campaign without its sizes', 'c{"name":"x","kernel_hash":"","static_hash":""}'],
  ['a batch before its campaign', new Uint8Array([0x90])],
  ['a batch that is not msgpack', `c${JSON.stringify(CAMPAIGN)}`, new Uint8Array([0xc1])],
  ['a batch of another shape', `c${JSON.stringify(CAMPAIGN)}`, encode([[1, 'text']], 100)],
]) {
  test(`${what} ends the connection for good`, () => {
    const desk = setUp();
    for (const frame of frames) desk.socket.receive(frame);
    assert.equal(desk.names().at(-1), 'onEnded');
    assert.equal(desk.socket.closedWith, 1000);
    desk.clock.pass(3_600_000);
    assert.equal(desk.sockets.length, 1);
  });
}

test('leaving hands in the answers, says so, and closes when the server does not', () => {
  const desk = setUp({ hold: 10 });
  introduce(desk.socket);
  desk.connection.ask(true);
  desk.socket.receive(grant(1, 2, 3));
  desk.connection.answer([result(1)]);
  desk.connection.answer([result(2)]);
  desk.connection.leave();
  assert.deepEqual(desk.socket.sent.at(-1), 'b');
  assert.deepEqual(batches(desk.socket).flatMap(([, answers]) => answers.map(([lease]) => lease)), [1, 2]);
  assert.equal(desk.socket.closedWith, undefined);
  desk.clock.pass(5000);
  assert.equal(desk.socket.closedWith, 1000);
});

test('a change stops the asking and is followed by the new campaign on the same connection', () => {
  const desk = setUp();
  introduce(desk.socket);
  desk.connection.ask(true);
  desk.socket.receive(grant(1, 2));
  desk.socket.receive('u');
  desk.connection.answer([{ lease: 1, kind: 3, ms: 0 }, { lease: 2, kind: 3, ms: 0 }]);
  assert.deepEqual(batches(desk.socket)[1][0], 0);
  desk.socket.receive(grant());
  introduce(desk.socket, { ...CAMPAIGN, kernel_hash: 'K2' }, ['k', 'another']);
  assert.equal(desk.heard.at(-1)[1].kernel, 'another');
  assert.equal(desk.heard.at(-1)[1].staticDataset, 'the data');
  desk.connection.ask(true);
  desk.socket.receive(grant());
  assert.deepEqual(batches(desk.socket).map(([want, answers]) => [want, answers.length]), [[4, 0], [0, 0], [0, 2], [4, 0]]);
});
