// One worker, seen from the embed page. Its state says what it may say; anything else ends it.

import {
  KIND_ERROR, KIND_NOTHING, KIND_RESULT, MAX_ERROR_MESSAGE, MAX_ERROR_NAME, MAX_ERROR_STACK, MAX_LINE,
  MAX_LINES_PER_SECOND, MAX_REPORTS_PER_SECOND, WORKER_ANSWERS, WORKER_COMPUTE, WORKER_LINE, WORKER_LOAD,
  WORKER_LOADED, WORKER_LOAD_FAILED, WORKER_REPORT, WORKER_UP,
} from './messages.js';

export const STARTING = 'starting';
export const LOADING = 'loading';
export const IDLE = 'idle';
export const COMPUTING = 'computing';
export const RESTING = 'resting';
export const ENDED = 'ended';

const ERROR_ROOM = 4 * (MAX_ERROR_NAME + MAX_ERROR_MESSAGE + MAX_ERROR_STACK) + 100;
// The worker counts its own seconds, and this page may hear late: what counts is the rate over its whole life.
const TOLD_PER_MS = (MAX_LINES_PER_SECOND + MAX_REPORTS_PER_SECOND) / 1000;
const TOLD_AHEAD_MS = 2000;
// Making a worker takes what the device takes, and reading a large static dataset is no dataset's work: a short
// deadline for datasets must not end either.
const LEAST_STARTING_MS = 20_000;
const LEAST_LOADING_MS = 5000;
// A batch is small work: where it is silent for this long, one of its datasets is not, and nobody knows which. They are
// tried again, each alone with its own deadline, so that an endless one takes little more than that.
const MOST_SILENT_MS = 1000;
const LEVELS = new Set(['debug', 'log', 'info', 'warn', 'error']);

/**
 * @typedef {{lease: number, bytes: Uint8Array, alone?: boolean}} Held a dataset in hand
 * @typedef {{lease: number, kind: number, ms: number, payload?: Uint8Array}} Answer
 * @typedef {{kernel: string, staticDataset: string, sloppy: boolean, deadlineMs: number, maxResultBytes: number}} Task
 */

/**
 * @typedef {object} WorkerEvents
 * @property {() => void} onLoaded
 * @property {(error: Uint8Array) => void} onLoadFailed
 * @property {(answers: Answer[], finished: boolean) => void} onAnswers
 * @property {(name: string, message: string) => void} onFailed end it: overdue, crashed, or it broke a rule
 * @property {(level: string, text: string) => void} onLine
 * @property {(progress: number | null, note: string | null) => void} onReport
 */

export class KernelWorker {
  /**
   * @param {import('./frame.js').Frame} frame
   * @param {import('./clock.js').Clock} clock
   * @param {Task} task
   * @param {WorkerEvents} events
   */
  constructor(frame, clock, task, events) {
    Object.assign(this, { clock, task, events, state: STARTING, madeAt: clock.now(), told: 0, dueAt: Infinity });
    /** @type {Held[]} given and not answered yet, the one being computed first */
    this.batch = [];
    this.handle = frame.spawnWorker((text) => this.fail('WorkerError', text));
    this.handle.port.onmessage = ({ data }) => this.hear(data);
    this.watch();
  }

  /** @param {Held[]} batch */
  compute(batch) {
    this.batch = batch;
    this.state = COMPUTING;
    this.startedAt = this.clock.now();
    const datasets = batch.map(({ bytes }) => bytes);
    this.watch();
    this.handle.port.postMessage([WORKER_COMPUTE, datasets]);
  }

  /** End it at once; what it held stays in `batch`. */
  end() {
    this.state = ENDED;
    this.cancelTimer();
    this.handle.port.onmessage = null;
    this.handle.port.close();
    this.handle.kill();
  }

  // The deadline of what it does now. One timer runs at a time, and looks again when it is early; only a deadline that
  // falls before it needs another.
  watch() {
    this.dueAt = this.clock.now() + this.limitMs;
    if (!(this.timerAt <= this.dueAt)) this.armTimer();
  }

  armTimer() {
    this.cancelTimer?.();
    this.timerAt = this.dueAt;
    this.cancelTimer = this.clock.after(this.dueAt - this.clock.now(), () => {
      this.timerAt = undefined;
      if (this.state === ENDED || this.dueAt === Infinity) return;
      if (this.clock.now() < this.dueAt) this.armTimer();
      else this.fail('TimeoutError', this.overdueText());
    });
  }

  get limitMs() {
    if (this.state === COMPUTING) {
      return this.batch.length > 1 ? Math.min(this.task.deadlineMs, MOST_SILENT_MS) : this.task.deadlineMs;
    }
    return Math.max(this.task.deadlineMs, this.state === LOADING ? LEAST_LOADING_MS : LEAST_STARTING_MS);
  }

  overdueText() {
    const what = { [STARTING]: 'starting a worker', [LOADING]: 'loading the kernel' }[this.state] ?? 'the dataset';
    return `${what} took longer than ${this.limitMs} ms`;
  }

  fail(name, message) {
    if (this.state !== ENDED) this.events.onFailed(name, message);
  }

  hear(data) {
    if (this.state === ENDED) return;
    if (!Array.isArray(data) || !this.obey(data)) this.fail('WorkerError', 'the worker spoke out of turn');
  }

  /** @returns {boolean} whether the message was this worker's to send, now */
  obey(data) {
    switch (data[0]) {
      case WORKER_UP: return this.hearUp();
      case WORKER_LOADED: return this.hearLoaded();
      case WORKER_LOAD_FAILED: return this.hearLoadFailed(data[1]);
      case WORKER_ANSWERS: return this.hearAnswers(data[1]);
      case WORKER_LINE: return this.hearLine(data[1], data[2]);
      case WORKER_REPORT: return this.hearReport(data[1], data[2]);
      default: return false;
    }
  }

  hearUp() {
    if (this.state !== STARTING) return false;
    const { kernel, staticDataset, sloppy, maxResultBytes } = this.task;
    this.state = LOADING;
    this.watch();
    this.handle.port.postMessage([WORKER_LOAD, kernel, staticDataset, sloppy, maxResultBytes]);
    return true;
  }

  hearLoaded() {
    if (this.state !== LOADING) return false;
    this.state = IDLE;
    this.dueAt = Infinity;
    this.events.onLoaded();
    return true;
  }

  hearLoadFailed(error) {
    if (this.state !== LOADING || !isBytes(error, ERROR_ROOM)) return false;
    this.events.onLoadFailed(error);
    return true;
  }

  hearAnswers(list) {
    if (this.state !== COMPUTING || !Array.isArray(list) || list.length % 3 !== 0) return false;
    if (list.length === 0 || list.length / 3 > this.batch.length) return false;
    const answers = this.readAnswers(list);
    if (answers === undefined) return false;
    this.batch.splice(0, answers.length);
    const finished = this.batch.length === 0;
    if (finished) {
      this.state = IDLE;
      this.dueAt = Infinity;
    } else this.watch();
    this.events.onAnswers(answers, finished);
    return true;
  }

  readAnswers(list) {
    const answers = [];
    for (let i = 0; i < list.length; i += 3) {
      const [kind, ms, payload] = [list[i], list[i + 1], list[i + 2]];
      if (!this.isAnswer(kind, ms, payload)) return undefined;
      answers.push({ lease: this.batch[i / 3].lease, kind, ms, payload: payload ?? undefined });
    }
    return answers;
  }

  isAnswer(kind, ms, payload) {
    if (!(ms >= 0 && ms < 1e9)) return false;
    if (kind === KIND_NOTHING) return payload === null;
    if (kind === KIND_RESULT) return isBytes(payload, this.task.maxResultBytes);
    return kind === KIND_ERROR && isBytes(payload, ERROR_ROOM);
  }

  hearLine(level, text) {
    if (!this.mayTell() || !LEVELS.has(level) || !isText(text)) return false;
    this.events.onLine(level, text);
    return true;
  }

  hearReport(progress, note) {
    const isFraction = progress === null || (progress >= 0 && progress <= 1);
    if (!this.mayTell() || !isFraction || !(note === null || isText(note))) return false;
    this.events.onReport(progress, note);
    return true;
  }

  mayTell() {
    const age = this.clock.now() - this.madeAt;
    this.told += 1;
    return this.state !== STARTING && this.told <= TOLD_PER_MS * (age + TOLD_AHEAD_MS);
  }
}

const isText = (value) => typeof value === 'string' && value.length <= MAX_LINE;
const isBytes = (value, most) => value instanceof Uint8Array && value.byteLength <= most;
