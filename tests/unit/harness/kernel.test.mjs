import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decode } from '../../../app/static/harness/codec.js';
import { installConsole } from '../../../app/static/harness/console.js';
import { countBefore, evaluateKernel } from '../../../app/static/harness/evaluate.js';
import { encodeFailure } from '../../../app/static/harness/failure.js';
import { lockDown } from '../../../app/static/harness/lockdown.js';

const run = (source, sloppy = false) => evaluateKernel(source, sloppy).main();

for (const [what, source] of [
  ['an object', '{main: function () { return 7; }}'],
  ['an object in parentheses', '({main: function () { return 7; }})'],
  ['an object with a semicolon', '({main: function () { return 7; }});'],
  ['a call', '(function () { return {main: function () { return 7; }}; })()'],
  ['a call with a semicolon', '(function () { return {main: function () { return 7; }}; })();\n'],
  ['a program', 'var seven = 7;\nfunction main() { return seven; }\n({main: main});'],
  ['a program with a class', 'class A { static main() { return 7; } }; A'],
  ['a byte order mark and comments', '\ufeff// one\n/* { two */ {main: function () { return 7; }} // three'],
  ['a function that has a main', 'Object.assign(function () {}, {main: function () { return 7; }})'],
  ['an arrow and a method', '{main() { return (() => 7)(); }}'],
]) {
  test(`a kernel may be ${what}`, () => assert.equal(run(source), 7));
}

test('a kernel is strict unless its campaign is sloppy', () => {
  const source = '{main: function () { return this === undefined || (function () { return !this; })(); }}';
  assert.equal(run(source), true);
  assert.equal(run(source, true), false);
  assert.throws(() => run('{main: function () { return 010; }}'), SyntaxError);
  assert.equal(run('{main: function () { return 010; }}', true), 8);
});

test('a kernel with implicit globals is refused by its run in strict mode, and runs in sloppy mode', () => {
  const source = '{main: function () { sum = 0; for (i = 1; i <= 10; i += 1) sum += i; return sum; }}';
  assert.throws(() => run(source), { name: 'ReferenceError', message: 'sum is not defined' });
  assert.equal(run(source, true), 55);
  assert.throws(() => run('lib = 7; ({main: function () { return lib; }})'), { message: 'lib is not defined' });
  assert.equal(run('lib = 7; ({main: function () { return lib; }})', true), 7);
});

for (const sloppy of [false, true]) {
  test(`a column of the first line can be put right in ${sloppy ? 'sloppy' : 'strict'} mode`, () => {
    for (const source of ['{main: function () { throw new Error(); }}', 'var a = 1; ({main() { throw new Error(); }})']) {
      let stack = '';
      try { run(source, sloppy); } catch (error) { ({ stack } = error); }
      const column = Number(/kernel\.js:1:(\d+)/.exec(stack)[1]) - countBefore(sloppy);
      assert.equal(column, source.indexOf('new Error') + 1);
    }
  });
}

test('a sloppy kernel may still ask for strict mode itself', () => {
  assert.throws(() => run('"use strict"; var a = 1; ({main: function () { undeclared = a; }})', true), /not defined/);
  assert.throws(() => run('{main: function () { "use strict"; undeclared = 1; }}', true), /not defined/);
});

test('a source is evaluated once, even when it throws a SyntaxError as it runs', () => {
  globalThis.runs = 0;
  assert.throws(() => run('(function () { runs += 1; JSON.parse("{"); })()'), SyntaxError);
  assert.throws(() => run('runs += 1; JSON.parse("{");'), SyntaxError);
  assert.equal(globalThis.runs, 2);
});

for (const [what, source, message] of [
  ['an object with a slip', '{main: function () { retrun 1 }}', "Unexpected number"],
  ['a program with a slip', 'var a = ;', "Unexpected token ';'"],
  ['nothing', '', undefined], ['a comment', '/* nothing', undefined], ['two values', '1) + (2', undefined],
]) {
  test(`${what} is refused with the reason`, () => {
    assert.throws(() => run(source), (error) => ['SyntaxError', 'TypeError'].includes(error.name)
      && (message === undefined || error.message === message));
  });
}

test('what is not a kernel is named', () => {
  assert.throws(() => run('[1].length'), /not to a number$/);
  assert.throws(() => run('undefined'), /not to undefined$/);
  assert.throws(() => run('var main = 1;'), /not to undefined$/);
  assert.throws(() => run('var main = 1;', true), /not to undefined$/);
  assert.throws(() => run('({})'), /main must be a function, not undefined$/);
  assert.throws(() => run('({main: {}})'), /main must be a function, not an object$/);
  assert.throws(() => run('({main: function () {}, loadStaticDataset: 1})'), /loadStaticDataset must be a function, not a number/);
});

for (const [what, thrown, name, message] of [
  ['an error', new RangeError('low'), 'RangeError', 'low'],
  ['a text', 'boom', 'Error', 'the kernel threw boom'],
  ['null', null, 'Error', 'the kernel threw null'],
  ['a symbol', Symbol('s'), 'Error', 'the kernel threw Symbol(s)'],
  ['a function', function f() {}, 'f', ''],
  ['an object that throws when read', { get name() { throw new Error('x'); }, get message() { throw null; } }, '', ''],
  ['an object whose texts cannot be shown', { name: { toString() { throw 1; } }, message: Object.create(null) },
    'something that cannot be shown', 'something that cannot be shown'],
  ['an endless message', new Error('é'.repeat(1e6)), 'Error', 'é'.repeat(2000)],
]) {
  test(`${what} that is thrown becomes three texts`, () => {
    const told = decode(encodeFailure(thrown));
    assert.deepEqual([told.name, told.message], [name, message]);
    assert.equal(typeof told.stack, 'string');
  });
}

test('the lines of the harness are cut off a stack', () => {
  const error = new Error('x');
  error.stack = 'Error: x\n    at main (kernel.js:1:2)\n    at compute (blob:null/1:2:3)\n    at blob:null/1:9:9';
  assert.equal(decode(encodeFailure(error)).stack, 'Error: x\n    at main (kernel.js:1:2)');
});

function listen() {
  const said = [];
  const global = {};
  let time = 0;
  installConsole(global, (message) => said.push(message), () => time);
  return { said, ...global, pass: (ms) => { time += ms; } };
}

test('console shows values as text', () => {
  const { said, console } = listen();
  const cycle = {};
  cycle.me = cycle;
  console.log('a', 1, null, undefined, 5n, Symbol('s'), { x: [1] }, new TypeError('bad'));
  console.error(cycle);
  console.warn('x'.repeat(5000), 'y');
  assert.equal(said[0][2], 'a 1 null undefined 5 Symbol(s) {"x":[1]} TypeError: bad');
  assert.deepEqual(said[1], ['line', 'error', '[object Object]']);
  assert.equal(said[2][2].length, 1000);
});

test('console and report are limited by the second', () => {
  const { said, console, report, pass } = listen();
  for (let i = 0; i < 100; i += 1) console.log(i);
  for (let i = 0; i < 100; i += 1) report({ progress: i / 100 });
  assert.equal(said.length, 24);
  pass(1000);
  console.log('again');
  assert.equal(said.length, 25);
});

test('report takes what it is given, whatever that is', () => {
  const { said, report } = listen();
  report({ progress: 0.25, note: 'n'.repeat(2000) });
  report();
  report({ progress: 7, note: 12 });
  assert.deepEqual(said.map(([, progress, note]) => [progress, note?.length]), [[0.25, 1000], [null, undefined], [null, 2]]);
  assert.throws(() => report({ get note() { throw new Error('mine'); } }), /mine/);
});

test('only the language is left of a global object and its prototypes', () => {
  const top = { addEventListener() {}, constructor: 1 };
  const middle = Object.create(top, { importScripts: { value: 1, configurable: true } });
  const global = Object.create(middle, Object.getOwnPropertyDescriptors({ Array, fetch() {}, self: 1, eval: 1, Worker: 1 }));
  assert.equal(lockDown(global), '');
  assert.deepEqual(Reflect.ownKeys(global), ['Array', 'eval']);
  assert.deepEqual([...Reflect.ownKeys(middle), ...Reflect.ownKeys(top)], []);
});

test('a global that cannot be removed is named', () => {
  const global = Object.defineProperty({}, 'stuck', { value: 1 });
  assert.equal(lockDown(global), 'stuck,');
});
