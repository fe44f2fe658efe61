// The worker, before any kernel. It takes a private port into a closure, removes the browser from the global object,
// and then does what the port says: load a kernel, compute datasets. It never learns which dataset or whose campaign.

import { decode, encode } from './codec.js';
import { installConsole } from './console.js';
import { evaluateKernel } from './evaluate.js';
import { encodeFailure } from './failure.js';
import { lockDown } from './lockdown.js';
import {
  KIND_ERROR, KIND_NOTHING, KIND_RESULT, WORKER_ANSWERS, WORKER_COMPUTE, WORKER_LOAD, WORKER_LOADED,
  WORKER_LOAD_FAILED, WORKER_UP,
} from './messages.js';
import * as own from './primordials.js';

// Answers are posted together, but never kept longer than this, so that the page knows how far a worker has come.
const FLUSH_MS = 8;
const FLUSH_BYTES = 1 << 20;

const { addEventListener } = EventTarget.prototype;
const { postMessage, start } = MessagePort.prototype;
const eventData = own.getOwnPropertyDescriptor(MessageEvent.prototype, 'data').get;
const eventPorts = own.getOwnPropertyDescriptor(MessageEvent.prototype, 'ports').get;
const clock = performance;
const { now: clockNow } = Performance.prototype;
const now = () => own.apply(clockNow, clock, []);

let port;
let kernel;
let maxResultBytes = 0;
let batch;
let position = 0;
let answers;
let answerCount = 0;
let answerBytes = 0;
let flushedAt = 0;

own.apply(addEventListener, globalThis, ['message', (event) => {
  if (port !== undefined) return;
  port = own.apply(eventPorts, event, [])[0];
  lockDown(globalThis);
  installConsole(globalThis, say, now);
  own.apply(addEventListener, port, ['message', onMessage]);
  own.apply(start, port, []);
  say([WORKER_UP]);
}]);

function say(message) {
  own.apply(postMessage, port, [message]);
}

function onMessage(event) {
  const message = own.apply(eventData, event, []);
  if (message[0] === WORKER_LOAD) load(message[1], message[2], message[3], message[4]);
  else if (message[0] === WORKER_COMPUTE) startBatch(message[1]);
}

function load(source, staticDataset, sloppy, resultLimit) {
  maxResultBytes = resultLimit;
  const failed = (thrown) => say([WORKER_LOAD_FAILED, encodeFailure(thrown)]);
  try {
    kernel = evaluateKernel(source, sloppy);
    whenSettled(loadStatic(staticDataset), () => say([WORKER_LOADED]), failed);
  } catch (thrown) {
    failed(thrown);
  }
}

function loadStatic(staticDataset) {
  if (kernel.loadStaticDataset !== undefined) {
    return own.apply(kernel.loadStaticDataset, kernel.target, [staticDataset]);
  }
  if (staticDataset === '') return undefined;
  throw new own.TypeFailure('the campaign has a static dataset, but the kernel has no loadStaticDataset function');
}

// Only the language's own promises are waited for: another thenable is a value like any other.
function whenSettled(value, onValue, onFailure) {
  if (isPromise(value)) own.apply(own.promiseThen, value, [onValue, onFailure]);
  else onValue(value);
}

const isPromise = (value) =>
  value !== null && typeof value === 'object' && own.getPrototypeOf(value) === own.promisePrototype;

function startBatch(datasets) {
  batch = datasets;
  position = 0;
  flushedAt = now();
  clearAnswers();
  computeNext();
}

function clearAnswers() {
  answers = [];
  answerCount = 0;
  answerBytes = 0;
}

// Datasets are computed in a loop, and after an asynchronous one from its promise on.
function computeNext() {
  while (position < batch.length) {
    const startedAt = now();
    let value;
    let waits;
    try {
      value = own.apply(kernel.main, kernel.target, [decode(batch[position])]);
      waits = isPromise(value);
      if (waits) awaitValue(value, startedAt);
    } catch (thrown) {
      waits = false;
      answer(KIND_ERROR, startedAt, encodeFailure(thrown));
      continue;
    }
    if (waits) return;
    answerValue(value, startedAt);
  }
}

function awaitValue(promise, startedAt) {
  own.apply(own.promiseThen, promise, [
    (value) => {
      answerValue(value, startedAt);
      computeNext();
    },
    (thrown) => {
      answer(KIND_ERROR, startedAt, encodeFailure(thrown));
      computeNext();
    },
  ]);
}

function answerValue(value, startedAt) {
  if (value === undefined || value === null) return answer(KIND_NOTHING, startedAt, null);
  let bytes;
  try {
    bytes = encode(value, maxResultBytes);
  } catch (thrown) {
    return answer(KIND_ERROR, startedAt, encodeFailure(thrown));
  }
  return answer(KIND_RESULT, startedAt, bytes);
}

function answer(kind, startedAt, payload) {
  const time = now();
  own.define(answers, answerCount, kind);
  own.define(answers, answerCount + 1, time - startedAt);
  own.define(answers, answerCount + 2, payload);
  answerCount += 3;
  answerBytes += payload === null ? 0 : own.apply(own.typedArrayLength, payload, []);
  position += 1;
  if (position === batch.length || time - flushedAt >= FLUSH_MS || answerBytes >= FLUSH_BYTES) flush(time);
}

function flush(time) {
  const posted = answers;
  flushedAt = time;
  clearAnswers();
  say([WORKER_ANSWERS, posted]);
}
