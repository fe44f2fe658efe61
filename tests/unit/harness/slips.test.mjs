// Where a source that does not parse is marked, and what the mark says: where somebody must look, not where an engine stopped.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import vm from 'node:vm';

import { explain } from '../../../app/static/js/editor/cause.js';
import { explainFailure, findSlip } from '../../../app/static/js/editor/check.js';

const FIRST_LINE = "'use strict';";

// Node's engine is Chromium's. tests/browser/editor/test_slips.py holds its places against those of the browser.
const load = async (kernel) => {
  try {
    new vm.Script(`${FIRST_LINE}(${kernel}\n)`, { filename: 'kernel.js' });
    return undefined;
  } catch ({ name, message, stack }) {
    const [head, , carets] = stack.split('\n');
    const [line, column] = [Number(/:(\d+)$/.exec(head)[1]), carets.indexOf('^') + 1];
    return { name, message, stack: `${name}: ${message}\n    at kernel.js:${line}:${Math.max(1, column)}` };
  }
};
const inMain = (...lines) => ['({', '  main(d) {', ...lines.map((line) => `    ${line}`), '  },', '})'].join('\n');

const SLIPS = {
  'a missing brace': ['({\n  main(d) {\n    if (d.n) {\n      return 1;\n  },\n})', 3, 14, /^This “{” is never closed\. Noticed in line 5: /],
  'a missing brace at the end': ['({\n  main(d) {\n    return d;\n  },\n', 1, 2, /^This “{” is never closed\. Unexpected end of the source$/],
  'a missing bracket in a list': [inMain('const list = [1, 2;', 'return list;'), 3, 18, /^This “\[” is never closed\./],
  'a missing parenthesis of a call': [inMain('return Math.max(d.n, 1;'), 3, 20, /^This “\(” is never closed\. missing \) after/],
  'a missing parenthesis of a condition': [inMain('if (d.n > 1 {', '  return 1;', '}'), 3, 8, /^This “\(” is never closed\./],
  'a missing parenthesis at the end': ['({\n  main(d) {\n    return d;\n  },\n}', 1, 1, /^This “\(” is never closed\. Unexpected end/],
  'a brace too many': [inMain('return d;', '}'), 4, 5, /^This “}” closes the “{” of line 2: there is one too many, here or before\. Noticed in line 6/],
  'a parenthesis too many': [inMain('return (d.n));'), 3, 17, /^This “\)” closes nothing\./],
  'a parenthesis too many at the end': [`${inMain('return d;')})`, 5, 3, /^This “\)” closes nothing\./],
  'a stray comma in a call': [inMain('return f(d.n,, 1);'), 3, 18, /^Unexpected token ','$/],
  'a stray comma in an object': [inMain('return { a: 1, , b: 2 };'), 3, 20, /^Unexpected token ','$/],
  'a missing comma': ['({\n  main(d) {\n    return d;\n  }\n  loadStaticDataset() {},\n})', 4, 3, /^Is a comma missing after this\? Noticed in line 5: Unexpected identifier/],
  'a semicolon for a comma': ['({\n  main(d) {\n    return d;\n  };\n})', 4, 4, /^Unexpected token ';'$/],
  'an unfinished string': [inMain("return 'abc;"), 3, 12, /^This text has no closing quote on its line\. Invalid/],
  'an unfinished template literal': [inMain('return `abc;'), 3, 12, /^This template literal is never closed\./],
  'an unfinished placeholder': [inMain('return `a${d.n`;'), 3, 12, /^This template literal is never closed\./],
  'a misspelt return': [inMain('retrun d;'), 3, 5, /^Is “retrun” meant to be “return”\? Unexpected identifier 'd'$/],
  'a misspelt const': ['cosnt a = 1;\n({ main: () => a });', 1, 1, /^Is “cosnt” meant to be “const”\?/],
  'an expression that is cut': [inMain('return d.n *'), 3, 16, /^Something is missing after “\*”\. Noticed in line 4: Unexpected token '}'$/],
  'an assignment of nothing': [inMain('const x =', 'return x;'), 3, 13, /^Something is missing after “=”\. Noticed in line 4/],
  'an arrow without a body': ['({\n  main: (d) =>\n})', 2, 13, /^Something is missing after “=>”\. Noticed in line 3/],
  'an arrow without a body on its line': ['({\n  main: (d) =>,\n})', 2, 13, /^Something is missing after “=>”\. Unexpected token ','$/],
  'a reserved word': [inMain('const class = 1;'), 3, 11, /^Unexpected token 'class'$/],
  'a name declared twice': [inMain('const a = 1;', 'const a = 2;'), 4, 11, /^Identifier 'a' has already been declared$/],
  'a name declared twice in a program': ['const a = 1;\nconst a = 2;\n({ main: () => a });', 2, 7, /^Identifier 'a' has already/],
  'await at the top': ['const t = await fetch("x");\n({ main: () => t });', 1, 11, /^await is only valid in async functions/],
  'await in an expression': ["await fetch('x')", 1, 1, /^“await” needs a function that is “async”\. Unexpected identifier 'fetch'$/],
  'import': ["import x from './x.js';\n({ main: () => x });", 1, 1, /^A source is no module: there is nothing to import/],
  'export': ['export default {\n  main(d) { return d; },\n};', 1, 1, /its last value counts, without “export”\. Unexpected token 'export'$/],
  'await of nothing': ['({\n  async main(d) {\n    return [await ];\n  },\n})', 3, 19, /^Unexpected token '\]'$/],
  'a colon behind a count': [inMain('return d.n++ : 2;'), 3, 18, /^Unexpected token ':'$/],
  'a slip before brackets that are not closed yet': ['({\n  main(d) {\n    let x y;\n', 3, 11, /^Unexpected identifier 'y'$/],
  'the first of two slips': ['({\n  main(d) {\n    return d.n *;\n  },\n  other() {\n    if (d) {\n  },\n})', 3, 16, /^Something is missing after “\*”/],
  'a slip behind a line that could be an expression': ['({});\nconst a = ;\n({ main: () => a });', 2, 9, /^Something is missing after “=”\./],
};

for (const [what, [source, line, column, said]] of Object.entries(SLIPS)) {
  test(`${what} is marked where it must be mended`, async () => {
    const slip = await findSlip(load, source);
    assert.deepEqual([slip.line, slip.column], [line, column], slip.message);
    assert.match(slip.message, said);
  });
}

// Node does not say where one begins.
test('an unfinished comment is marked where it begins', () => {
  const slip = explain(inMain('/* abc', 'return d;'), { message: 'Invalid or unexpected token', line: 3, column: 5 });
  assert.deepEqual(slip, { message: 'This comment is never closed. Invalid or unexpected token', line: 3, column: 5 });
});

test('lines are counted as editors do, whatever ends them', () => {
  const said = { message: 'm', line: 3, column: 5 };
  assert.deepEqual(explain('({\r\n  a: 1,\r\n  b ! 2,\r\n})', said), { message: 'm', line: 3, column: 5 });
  // A line separator within a text begins a line for an engine, and none for an editor.
  const { line, column } = explain('({\n  a: "\u2028",\n  b ! 2,\n})', { ...said, line: 4 });
  assert.deepEqual([line, column], [3, 5]);
});

test('what a kernel throws while it loads is not explained as a slip', () => {
  const source = "const told =\n  JSON.parse('{');\n({ main: () => told });";
  const error = { name: 'SyntaxError', message: 'Expected property name', stack: 'SyntaxError: m\n    at JSON.parse (<anonymous>)\n    at kernel.js:2:3' };
  const { message, place } = explainFailure(error, source, 0);
  assert.deepEqual([message, place.line, place.column], ['Expected property name', 2, 3]);
  assert.equal(explainFailure({ ...error, name: 'TypeError' }, source, 0).place, undefined);
});

test('names of what every object has are no brackets', async () => {
  const slip = await findSlip(load, inMain('const constructor = { toString };', 'return (constructor;'));
  assert.deepEqual([slip.line, slip.column], [4, 12]);
});
