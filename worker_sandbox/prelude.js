/**
 * Runs before any dataset generator, in the same QuickJS context and after `determinism.js`, and is the only thing
 * that Python calls once the generator is there.
 *
 * Evaluates to a function of the options (JSON text) that returns `sandbox$step`. It is called once with the
 * generator's source (as JSON text, because a raw string would be cut at its first NUL on the way in), which
 * opens the generator, and then any number of times with a request (how many datasets at most, and after how
 * many units of text to stop before that), each followed by calls without an argument until one returns no
 * datasets. Each call returns one of
 *   - `=array` or `=iterator`   what `main` returned; in answer to the source only;
 *   - `{…},{…},…`   the next datasets, as JSON texts with commas between them;
 *   - ``            the request is answered;
 *   - `.`           there are no more datasets;
 *   - `!{…}`        a failure report: `{reason, path?, dataset?}` for something that was refused,
 *                   `{tooMany: true}` and `{tooLarge: true, dataset}` for a limit, `{thrown, stack?,
 *                   dataset?}` for what the generator threw, `{thrown, line, column}` for source that does
 *                   not parse.
 *
 * The generator shares this realm and may replace any built-in, so whatever is needed after its first line
 * runs is kept in this closure, and nothing here is read through a prototype that it can reach. It can spoil
 * its own datasets; the parent process checks whatever comes out.
 *
 * Every function that may be on the stack below the generator has `sandbox$` in its name: the parent tells
 * the generator's own stack frames from these by it.
 */
(function sandbox$boot(optionsText) {
  'use strict';

  const { apply } = Reflect;
  const { getPrototypeOf, keys } = Object;
  const { isArray } = Array;
  const { parse, stringify } = JSON;
  const { join } = Array.prototype;
  const { slice, isWellFormed } = String.prototype;
  const ArrayPrototype = Array.prototype;
  const ObjectPrototype = Object.prototype;
  const text = String;
  const evaluate = eval; // Called through another name, eval sees no local variables.
  const { iterator, asyncIterator } = Symbol;

  /** @type {{chunk: number, chunkUnits: number, datasets: number, datasetUnits: number, depth: number}} */
  const options = JSON.parse(optionsText);
  const { chunk, chunkUnits, datasetUnits } = options;

  // ---- Reading the source ----

  // Both put one line before the owner's first one, and nothing before its first column.
  const asExpression = (source) => `"use strict";(\n${source}\n)`;
  const asProgram = (source) => `"use strict";void 0;\n${source}`;

  /** Parses without running anything: the code becomes the body of a function that is never called.
   *  Returns null, or where and why it does not parse, in the owner's lines and columns. */
  function sandbox$parseError(wrapped, source) {
    try {
      evaluate(wrapped);
      return null;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error; // Out of memory or stack.
      const [, line, column] = /<input>:(\d+):(\d+)/.exec(error.stack) ?? [0, 2, 1];
      const found = { thrown: `${error.name}: ${error.message}`, line: line - 1, column: Number(column) };
      const lines = source.trimEnd().split('\n');
      const last = lines[lines.length - 1];
      const end = { line: lines.length, column: last.length + 1 };
      const isBeforeEnd = found.line < end.line || (found.line === end.line && found.column < end.column);
      return isBeforeEnd ? found : { thrown: 'SyntaxError: unexpected end of the file', ...end };
    }
  }

  /** Of two readings that both fail, the owner most plausibly meant the one that got further. */
  function further(one, other) {
    return one.line > other.line || (one.line === other.line && one.column > other.column) ? one : other;
  }

  function sandbox$evaluate(source) {
    const notExpression = sandbox$parseError(`"use strict";()=>(\n${source}\n)`, source);
    if (notExpression === null) return evaluate(asExpression(source));
    const notProgram = sandbox$parseError(`"use strict";()=>{\n${source}\n}`, source);
    if (notProgram === null) return evaluate(asProgram(source));
    throw report(further(notExpression, notProgram));
  }

  // ---- Failure reports ----

  let pendingReport = null;
  let position = 0; // The number of the dataset at hand, counted from 0.
  let reading = false; // Whether that dataset's own fields are being read (a getter of it may throw).

  /** Remembers a report of ours, so that nothing the generator throws can be taken for one. */
  function report(fields) {
    pendingReport = fields;
    return fields;
  }

  const shorten = (value, length) => apply(slice, value, [0, length]);

  function sandbox$describe(thrown) {
    const isObject = typeof thrown === 'object' && thrown !== null;
    if (isObject && typeof thrown.message === 'string') {
      const stack = typeof thrown.stack === 'string' ? shorten(thrown.stack, 4000) : '';
      return { __proto__: null, thrown: shorten(`${text(thrown.name)}: ${thrown.message}`, 1000), stack };
    }
    return { __proto__: null, thrown: `threw ${shorten(text(thrown), 1000)}` };
  }

  function sandbox$failure(thrown) {
    if (thrown === pendingReport && thrown !== null) return thrown;
    let described;
    try {
      described = sandbox$describe(thrown);
    } catch {
      described = { __proto__: null, thrown: 'threw a value that cannot be shown' };
    }
    if (reading) described.dataset = position;
    return described;
  }

  // ---- One dataset to JSON text ----
  //
  // Written by hand, because JSON.stringify alone turns NaN into null, drops functions and calls toJSON.
  // Every field is read exactly once, so a getter or proxy cannot show one value to a check and another to
  // the text.

  const HALF_PAIR = 'with half a surrogate pair cannot be stored';

  // Field name -> its JSON text with what comes before and after. Datasets mostly share their names.
  const firstLabels = { __proto__: null };
  const laterLabels = { __proto__: null };
  let labelCount = 0;
  const path = [];
  for (let level = 0; level <= options.depth; level++) path[level] = '';

  function label(table, name, depth) {
    if (!apply(isWellFormed, name, [])) throw refuse(depth, name, `a name ${HALF_PAIR}`);
    const made = `${table === firstLabels ? '{' : ','}${stringify(name)}:`;
    if (labelCount < 1000) {
      table[name] = made;
      labelCount += 1;
    }
    return made;
  }

  /** `a.b[3]`: where in the dataset the field `key` of the object at `depth` is. */
  function pathTo(depth, key) {
    let found = '';
    for (let level = 1; level <= depth; level++) {
      const step = level === depth ? key : path[level];
      found += typeof step === 'number' ? `[${step}]` : level === 1 ? step : `.${step}`;
    }
    return shorten(found, 200);
  }

  function refuse(depth, key, reason) {
    const where = depth === 0 ? '' : pathTo(depth, key);
    return report({ __proto__: null, dataset: position, path: where, reason });
  }

  const tooLarge = () => report({ __proto__: null, dataset: position, tooLarge: true });

  function sandbox$scalar(value, depth, key) {
    switch (typeof value) {
      case 'number':
        if (value - value !== 0) throw refuse(depth, key, `${value} cannot be stored; use null or a string`);
        // Such an integer is exact as a 64-bit float only: '.0' keeps Python from reading digits that are not
        // there.
        return value > 9007199254740991 || value < -9007199254740991 ? beyondSafe(value) : text(value);
      case 'string':
        if (!apply(isWellFormed, value, [])) throw refuse(depth, key, `a string ${HALF_PAIR}`);
        return stringify(value);
      case 'boolean':
        return value ? 'true' : 'false';
      case 'bigint':
        throw refuse(depth, key, 'a BigInt cannot be stored; convert it to a string');
      case 'undefined':
        throw refuse(depth, key, 'undefined (or a hole in an array) cannot be stored; use null');
      default:
        throw refuse(depth, key, `a ${typeof value} cannot be stored; leave it out`);
    }
  }

  function beyondSafe(value) {
    return value < 1e21 && value > -1e21 ? `${value}.0` : text(value);
  }

  function sandbox$array(array, depth) {
    if (getPrototypeOf(array) !== ArrayPrototype) throw notPlain(array, depth);
    const { length } = array;
    let json = '';
    for (let index = 0; index < length; index++) {
      json += (index === 0 ? '[' : ',') + sandbox$value(array[index], depth, index);
      if (json.length > datasetUnits) throw tooLarge();
    }
    return length === 0 ? '[]' : `${json}]`;
  }

  function sandbox$object(object, depth) {
    const prototype = getPrototypeOf(object);
    if (prototype !== ObjectPrototype && prototype !== null) throw notPlain(object, depth);
    const names = keys(object);
    const { length } = names;
    let json = '';
    for (let index = 0; index < length; index++) {
      const name = names[index];
      const value = object[name];
      if (value === undefined) continue;
      const labels = json === '' ? firstLabels : laterLabels;
      json += labels[name] ?? label(labels, name, depth);
      if (typeof value === 'number' && value <= 9007199254740991 && value >= -9007199254740991) {
        json += value; // Most fields are such numbers: a call for each would cost half as much again.
      } else {
        json += sandbox$value(value, depth, name);
        if (json.length > datasetUnits) throw tooLarge();
      }
    }
    return json === '' ? '{}' : `${json}}`;
  }

  /** The text of what the object or array at `depth` holds under `key`. */
  function sandbox$value(value, depth, key) {
    if (value === null) return 'null';
    if (typeof value !== 'object') return sandbox$scalar(value, depth, key);
    if (depth === options.depth) {
      throw refuse(0, '', `it is nested deeper than ${options.depth} levels, or contains itself`);
    }
    path[depth] = key;
    return isArray(value) ? sandbox$array(value, depth + 1) : sandbox$object(value, depth + 1);
  }

  /** The object of a class, or anything else that JSON would turn into something that it is not. */
  function notPlain(object, depth) {
    const kind = className(object);
    const toWhat = 'convert it to a plain object, an array, a string or a number';
    const advice = depth === 1 ? 'return plain objects' : toWhat;
    return refuse(depth - 1, path[depth - 1], `${kind} cannot be stored; ${advice}`);
  }

  function className(object) {
    try {
      const name = getPrototypeOf(object).constructor.name;
      if (typeof name === 'string' && name !== '') return `an object of class ${shorten(name, 60)}`;
      return 'an object of a class';
    } catch {
      return 'an object of a class';
    }
  }

  function sandbox$dataset(dataset) {
    reading = true;
    const isObject = typeof dataset === 'object' && dataset !== null && !isArray(dataset);
    if (!isObject) throw refuse(0, '', notDataset(dataset));
    const json = sandbox$object(dataset, 1);
    if (json.length > datasetUnits) throw tooLarge(); // Its names alone may make it so.
    reading = false;
    return json;
  }

  function notDataset(dataset) {
    const must = 'a dataset must be a plain object';
    if (dataset === undefined) return `it is undefined (or a hole in the array); ${must}`;
    const kind = dataset === null ? 'null' : isArray(dataset) ? 'an array' : `a ${typeof dataset}`;
    return `it is ${kind}; ${must} such as {min: 0, max: 100}`;
  }

  // ---- All datasets, in chunks ----

  const END = { __proto__: null }; // What `pull` returns when there are no more datasets.
  const sandbox$ended = () => END;
  let pull = null;
  let wanted = 0; // Datasets still to make for the request at hand,
  let wantedUnits = 0; // as long as their text is no longer than this.

  function fromArray(array) {
    const length = +array.length;
    if (!(length <= options.datasets)) throw report({ __proto__: null, tooMany: true });
    return function sandbox$pull() {
      return position < length ? array[position] : END;
    };
  }

  function fromIterator(source) {
    const { next } = source;
    if (typeof next !== 'function') throw unsuitable('an iterator without a next function');
    return function sandbox$pull() {
      const result = apply(next, source, []);
      const isObject = typeof result === 'object' && result !== null;
      if (!isObject) throw unsuitable('an iterator whose next() returns no object');
      return result.done ? END : result.value;
    };
  }

  function unsuitable(kind) {
    const reason = `main() must return an array of plain objects or be a function*, but it returned ${kind}`;
    return report({ __proto__: null, reason });
  }

  function sandbox$open(returned) {
    if (isArray(returned)) return fromArray(returned);
    if (typeof returned !== 'object' || returned === null) {
      throw unsuitable(returned === null ? 'null' : named(typeof returned));
    }
    const method = returned[iterator];
    if (typeof method === 'function') return fromIterator(apply(method, returned, []));
    const isAsync = typeof returned.then === 'function' || returned[asyncIterator] !== undefined;
    if (typeof returned.next === 'function' && !isAsync) return fromIterator(returned);
    throw unsuitable(isAsync ? 'a promise or an async iterator, for which nobody waits' : 'an object');
  }

  const named = (type) => (type === 'undefined' ? 'undefined' : `a ${type}`);

  function sandbox$load(source) {
    const generator = sandbox$evaluate(source);
    const isObject = (typeof generator === 'object' && generator !== null) || typeof generator === 'function';
    const main = isObject ? generator.main : undefined;
    if (typeof main === 'function') return apply(main, generator, []);
    const kind = isObject ? 'an object without it' : generator === null ? 'null' : named(typeof generator);
    const must = 'the dataset generator must evaluate to an object with a function main';
    throw report({ __proto__: null, reason: `${must}, but it evaluates to ${kind}` });
  }

  function sandbox$chunk() {
    // Not an array: the generator may have put a setter on Array.prototype.
    const pieces = { __proto__: null };
    let count = 0;
    let units = 0;
    const most = wanted < chunk ? wanted : chunk;
    const mostUnits = wantedUnits < chunkUnits ? wantedUnits : chunkUnits;
    while (count < most && units < mostUnits) {
      const dataset = pull();
      if (dataset === END) {
        pull = sandbox$ended; // An iterator that has ended is not asked again: it might go on.
        break;
      }
      const json = sandbox$dataset(dataset);
      units += json.length;
      pieces[count++] = json;
      position += 1;
    }
    wanted -= count;
    wantedUnits -= units;
    if (count === 0 && pull === sandbox$ended) return '.';
    pieces.length = count;
    return joined(pieces, ',');
  }

  /**
   * Joins an array-like. Also flattens: the Python binding cannot take a string that the engine keeps as a
   * rope.
   */
  function joined(pieces, separator) {
    return apply(join, pieces, [separator]);
  }

  /** request: the source, how many datasets are wanted, or undefined for more of those. */
  return function sandbox$step(request, units) {
    try {
      if (pull === null) {
        const returned = sandbox$load(parse(request));
        pull = sandbox$open(returned);
        return isArray(returned) ? '=array' : '=iterator';
      }
      if (request !== undefined) {
        wanted = request;
        wantedUnits = units;
      }
      return sandbox$chunk();
    } catch (thrown) {
      return joined({ __proto__: null, length: 2, 0: '!', 1: stringify(sandbox$failure(thrown)) }, '');
    }
  };
});
