// The workers of one tab, for one campaign at a time: gives them datasets, keeps the CPU share, replaces what fails.
// A dataset that was given is answered exactly once, whatever happens to the worker that had it.

import { encode } from './codec.js';
import { KIND_ERROR, KIND_GIVEN_BACK } from './messages.js';
import { COMPUTING, IDLE, KernelWorker, RESTING } from './worker.js';

// One message carries about this much work, so that posting it costs next to nothing.
const BATCH_MS = 25;
const MOST_IN_BATCH = 256;
const MOST_FAILURES_IN_A_ROW = 5;
const PAUSE_GRACE_MS = 1000;
const SMOOTHING = 0.3;

/**
 * @typedef {object} PoolEvents
 * @property {() => void} onLoaded the kernel runs; datasets may be given
 * @property {(error: Uint8Array) => void} onLoadFailed the kernel does not run here; all workers are gone
 * @property {(answers: import('./worker.js').Answer[]) => void} onAnswers
 * @property {() => void} onSpent the kernel failed too often in a row; all workers are gone
 * @property {(level: string, text: string) => void} onLine
 * @property {(progress: number | null, note: string | null) => void} onReport
 */

export class Pool {
  /**
   * @param {import('./frame.js').Frame} frame
   * @param {import('./clock.js').Clock} clock
   * @param {PoolEvents} events
   */
  constructor(frame, clock, events) {
    Object.assign(this, { frame, clock, events, threads: 1, share: 100, paused: false });
    /** @type {Set<KernelWorker>} */
    this.workers = new Set();
    /** @type {import('./worker.js').Held[]} */
    this.queue = [];
    this.forgetTask();
  }

  forgetTask() {
    Object.assign(this, { task: undefined, loaded: false, failuresInARow: 0, computeMs: undefined });
  }

  /** How long one dataset takes one thread, rests included, in ms; undefined before the first answer. */
  get msPerDataset() {
    return this.computeMs === undefined ? undefined : (this.computeMs * 100) / this.share;
  }

  /** Start on a campaign's kernel with new workers. @param {import('./worker.js').Task} task */
  load(task) {
    this.stop();
    this.task = task;
    if (!this.paused) this.startWorker();
  }

  /** @param {import('./worker.js').Task} task @returns {boolean} whether it is what these workers were made for */
  runs(task) {
    return this.task !== undefined && Object.keys(task).every((key) => task[key] === this.task[key]);
  }

  /** Give up the kernel: end the workers and give back all that they hold. */
  stop() {
    const held = [...this.workers].flatMap((worker) => this.endWorker(worker)).concat(this.queue.splice(0));
    this.forgetTask();
    this.giveBack(held);
  }

  /** Forget all datasets in hand without an answer: their leases are gone. */
  forgetDatasets() {
    this.queue = [];
    for (const worker of [...this.workers]) if (worker.batch.length > 0) this.endWorker(worker);
    this.fill();
  }

  /** @param {import('./worker.js').Held[]} datasets */
  give(datasets) {
    if (this.paused || !this.loaded) {
      this.giveBack(datasets);
      return;
    }
    this.queue.push(...datasets);
    this.feed();
  }

  /** @param {number} threads */
  resize(threads) {
    this.threads = threads;
    const spare = [...this.workers].filter((worker) => worker.batch.length === 0);
    while (this.workers.size > threads && spare.length > 0) this.endWorker(spare.pop());
    this.fill();
  }

  /** @param {number} share of each thread's time, in percent */
  setShare(share) {
    this.share = share;
    // A rest that was counted with the old share may be minutes long.
    for (const worker of this.workers) if (worker.state === RESTING) worker.state = IDLE;
    this.feed();
  }

  /** Give back what waits, let what is being computed finish for a moment, then end every worker. */
  pause() {
    this.paused = true;
    this.giveBack(this.queue.splice(0));
    for (const worker of [...this.workers]) if (worker.state !== COMPUTING) this.endWorker(worker);
    const pause = (this.lastPause = {});
    this.clock.after(PAUSE_GRACE_MS, () => {
      if (!this.paused || this.lastPause !== pause) return;
      for (const worker of [...this.workers]) this.giveBack(this.endWorker(worker));
    });
  }

  resume() {
    this.paused = false;
    if (this.task === undefined) return;
    if (this.loaded) this.fill();
    else if (this.workers.size === 0) this.startWorker();
  }

  // The other workers start when the first has shown that the kernel runs at all.
  fill() {
    while (this.loaded && !this.paused && this.workers.size < this.threads) this.startWorker();
  }

  startWorker() {
    const worker = new KernelWorker(this.frame, this.clock, this.task, {
      onLoaded: () => this.workerLoaded(),
      onLoadFailed: (error) => this.loadFailed(error),
      onAnswers: (answers, finished) => this.workerAnswered(worker, answers, finished),
      onFailed: (name, message) => this.workerFailed(worker, name, message),
      onLine: this.events.onLine,
      onReport: this.events.onReport,
    });
    this.workers.add(worker);
  }

  workerLoaded() {
    if (!this.loaded) {
      this.loaded = true;
      this.events.onLoaded();
    }
    this.fill();
    this.feed();
  }

  loadFailed(error) {
    this.stop();
    this.events.onLoadFailed(error);
  }

  feed() {
    for (const worker of this.workers) {
      if (this.queue.length === 0) return;
      if (worker.state === IDLE) worker.compute(this.takeBatch());
    }
  }

  takeBatch() {
    if (this.queue[0].alone) return [this.queue.shift()];
    const byTime = this.computeMs === undefined ? 1 : Math.floor(BATCH_MS / Math.max(this.computeMs, 0.01));
    const fair = Math.ceil(this.queue.length / this.threads);
    const firstAlone = this.queue.findIndex(({ alone }) => alone);
    const most = firstAlone < 0 ? this.queue.length : firstAlone;
    return this.queue.splice(0, Math.max(1, Math.min(byTime, fair, MOST_IN_BATCH, most)));
  }

  workerAnswered(worker, answers, finished) {
    this.failuresInARow = 0;
    for (const { ms } of answers) this.learn(ms);
    if (finished) this.restOrGoOn(worker);
    this.events.onAnswers(answers);
  }

  learn(ms) {
    this.computeMs = this.computeMs === undefined ? ms : this.computeMs + SMOOTHING * (ms - this.computeMs);
  }

  // The CPU share: after t ms of work a worker rests t·(100−X)/X.
  restOrGoOn(worker) {
    if (this.paused || this.workers.size > this.threads) {
      this.endWorker(worker);
      return;
    }
    const restMs = ((this.clock.now() - worker.startedAt) * (100 - this.share)) / this.share;
    if (restMs <= 0) {
      this.feed();
      return;
    }
    worker.state = RESTING;
    this.clock.after(restMs, () => {
      if (worker.state !== RESTING) return;
      worker.state = IDLE;
      this.feed();
    });
  }

  // A worker is ended for the dataset that it failed on. Where several were under way nobody knows which one that
  // was, so that they are tried again, each alone.
  workerFailed(worker, name, message) {
    const held = this.endWorker(worker);
    if (held.length > 1) this.queue.unshift(...held.map((dataset) => ({ ...dataset, alone: true })));
    else this.blame(held, encode({ name, message, stack: '' }, 1 << 16));
    if (this.task === undefined) return;
    if (held.length === 0 && !this.loaded) {
      this.loadFailed(encode({ name, message, stack: '' }, 1 << 16));
      return;
    }
    if (held.length <= 1) this.failuresInARow += 1;
    if (this.failuresInARow >= MOST_FAILURES_IN_A_ROW) {
      this.stop();
      this.events.onSpent();
    } else this.fill();
  }

  /** The sandbox is gone, and every worker with it: blame what was computed alone, give back the rest. */
  lose(message) {
    const payload = encode({ name: 'WorkerError', message, stack: '' }, 1 << 16);
    for (const worker of [...this.workers]) {
      const held = this.endWorker(worker);
      if (held.length === 1) this.blame(held, payload);
      else this.giveBack(held);
    }
    this.stop();
  }

  blame(held, payload) {
    if (held.length === 0) return;
    const ms = this.task.deadlineMs;
    this.events.onAnswers(held.map(({ lease }) => ({ lease, kind: KIND_ERROR, ms, payload })));
  }

  /** @returns {import('./worker.js').Held[]} what it had not answered */
  endWorker(worker) {
    this.workers.delete(worker);
    worker.end();
    return worker.batch;
  }

  giveBack(held) {
    if (held.length === 0) return;
    this.events.onAnswers(held.map(({ lease }) => ({ lease, kind: KIND_GIVEN_BACK, ms: 0 })));
  }
}
