// What this tab owes the server: the leases it holds, the answers to send, and the credit it has given.

import { encode } from './codec.js';

const PER_ANSWER_BYTES = 32;

export class Outbox {
  constructor() {
    this.maxBytes = 0;
    this.datasetBytes = 0;
    this.resultBytes = 0;
    this.clear();
  }

  clear() {
    /** @type {Set<number>} handed out and not answered */
    this.held = new Set();
    /** @type {import('./worker.js').Answer[]} answered and not sent */
    this.answers = [];
    /** @type {import('./worker.js').Answer[]} sent and not acknowledged */
    this.sent = [];
    this.answerBytes = 0;
    this.credit = 0;
  }

  /** The leases mean nothing any more. @returns {boolean} whether there were any */
  forget() {
    const had = this.held.size + this.answers.length + this.sent.length > 0;
    this.clear();
    return had;
  }

  /** The connection was lost, but its leases hold: send again what was not acknowledged. */
  rewind() {
    this.answers.unshift(...this.sent.splice(0));
    this.answerBytes = sizeOf(this.answers);
    this.credit = 0;
  }

  /** What a dataset and its result take, judged by the last ones. */
  get bytesPerDataset() {
    return this.datasetBytes + this.resultBytes;
  }

  /** @param {import('./worker.js').Held[]} datasets */
  hold(datasets) {
    for (const { lease, bytes } of datasets) {
      this.held.add(lease);
      this.datasetBytes = smoothed(this.datasetBytes, bytes.byteLength);
    }
    this.credit = Math.max(0, this.credit - datasets.length);
  }

  /** @param {import('./worker.js').Answer[]} answers to leases that are no longer held are dropped */
  add(answers) {
    const known = answers.filter(({ lease }) => this.held.delete(lease));
    this.answers.push(...known);
    this.answerBytes += sizeOf(known);
    for (const answer of known) this.resultBytes = smoothed(this.resultBytes, sizeOf([answer]));
  }

  /** @param {number} target @param {number} threads @returns {boolean} whether there is anything to say */
  isDue(target, threads) {
    return this.answers.length > 0 || this.wantsMore(target, threads) || (target === 0 && this.credit > 0);
  }

  /** @param {number} target @param {number} threads @returns {boolean} whether it should not wait for its turn */
  isUrgent(target, threads) {
    return target === 0 || this.held.size <= threads || this.answerBytes >= this.maxBytes / 2;
  }

  wantsMore(target, threads) {
    return this.held.size <= threads && target - this.held.size > this.credit;
  }

  /**
   * Take the answers that fit one batch, and state how many datasets are wanted beyond those held.
   * @param {number} target
   * @returns {Uint8Array} a client batch
   */
  pack(target) {
    this.sent = this.takeAnswers();
    this.credit = Math.max(0, target - this.held.size);
    return encode([this.credit, this.sent.map(asRow)], this.maxBytes + PER_ANSWER_BYTES);
  }

  takeAnswers() {
    let bytes = PER_ANSWER_BYTES;
    const tooMany = this.answers.findIndex((answer) => {
      bytes += sizeOf([answer]);
      return bytes > this.maxBytes;
    });
    const taken = this.answers.splice(0, tooMany < 0 ? this.answers.length : Math.max(1, tooMany));
    this.answerBytes = sizeOf(this.answers);
    return taken;
  }

  /** The last batch is stored. */
  acknowledge() {
    this.sent = [];
  }
}

const smoothed = (old, seen) => old + 0.1 * (seen - old);

const sizeOf = (answers) =>
  answers.reduce((sum, { payload }) => sum + PER_ANSWER_BYTES + (payload?.byteLength ?? 0), 0);

const asRow = ({ lease, kind, ms, payload }) =>
  (payload === undefined ? [lease, kind, Math.round(ms)] : [lease, kind, Math.round(ms), payload]);
