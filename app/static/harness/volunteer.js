// One tab's contribution, from consent to its end: hands what the server sends to the workers and what they answer
// back, and tells the badge in which phase that is.

import { Connection } from './connection.js';
import { decodeFailure } from './failure.js';
import { KIND_ERROR, KIND_GIVEN_BACK } from './messages.js';
import { Pool } from './pool.js';
import { Reporter } from './reporter.js';
import { sizeHold } from './want.js';

export const STARTING = 'starting';
export const WORKING = 'working';
export const WAITING = 'waiting';
export const PAUSED = 'paused';
export const RECONNECTING = 'reconnecting';
export const UNLOADABLE = 'unloadable';
export const SPENT = 'spent';
export const ENDED = 'ended';

/**
 * @typedef {object} View
 * @property {string} phase one of the names above
 * @property {number} done datasets computed in this tab
 * @property {number} failed datasets that threw or took too long in this tab
 * @property {string} campaignName of the campaign at work, empty before the server said it
 * @property {number} waitMs RECONNECTING: until the next try
 * @property {number} code ENDED: why the server closed the connection
 * @property {string} message UNLOADABLE: what the kernel threw
 */

export class Volunteer {
  /**
   * @param {object} parts as Connection takes them, and `frame`, `share`, `counts` ({done, failed} so far in this tab)
   * @param {(view: View) => void} onView
   */
  constructor(parts, onView) {
    this.clock = parts.clock;
    this.onView = onView;
    this.view = {
      phase: STARTING, done: 0, failed: 0, campaignName: '', waitMs: 0, code: 0, message: '', ...parts.counts,
    };
    this.pool = new Pool(parts.frame, parts.clock, this.poolEvents());
    Object.assign(this.pool, { threads: parts.threads, share: parts.share });
    const sizeTarget = (held, roundTripMs) => this.sizeTarget(held, roundTripMs);
    this.connection = new Connection({ ...parts, sizeTarget }, this.connectionEvents());
    this.reporter = new Reporter(parts.clock, (told) => this.connection.report(told));
  }

  start() {
    this.connection.open();
  }

  poolEvents() {
    return {
      onLoaded: () => this.loaded(),
      onLoadFailed: (error) => this.unloadable(error),
      onAnswers: (answers) => this.answered(answers),
      onSpent: () => this.spent(),
      onLine: (level, text) => this.reporter.line(level, text),
      onReport: (progress, note) => this.reporter.report(progress, note),
    };
  }

  connectionEvents() {
    return {
      onCampaign: (campaign) => this.takeCampaign(campaign),
      onChanged: () => this.pool.stop(),
      onDatasets: (datasets) => this.takeDatasets(datasets),
      onWait: () => this.runDry(),
      onLost: () => this.pool.forgetDatasets(),
      onReconnecting: (waitMs) => this.show({ phase: RECONNECTING, waitMs }),
      onEnded: (code, message) => this.end({ phase: ENDED, code, message }),
    };
  }

  sizeTarget(held, roundTripMs) {
    const { threads, msPerDataset, task, loaded } = this.pool;
    const { bytesPerDataset } = this.connection.outbox;
    if (!loaded) return 0;
    return sizeHold({ threads, msPerDataset, roundTripMs, bytesPerDataset, deadlineMs: task.deadlineMs, held });
  }

  takeCampaign(campaign) {
    const task = {
      kernel: campaign.kernel, staticDataset: campaign.staticDataset, sloppy: campaign.sloppy === true,
      deadlineMs: campaign.deadline_ms, maxResultBytes: campaign.max_result_bytes,
    };
    // After a reconnect the workers that are there may go on; after a change they are gone.
    if (!this.pool.runs(task)) this.pool.load(task);
    this.show({ phase: STARTING, campaignName: campaign.name });
    if (this.pool.loaded) this.loaded();
  }

  loaded() {
    this.connection.ask(!this.pool.paused);
  }

  // The server has nothing left to hand out; what is in hand is still computed.
  runDry() {
    this.isDry = true;
    if (this.connection.outbox.held.size === 0) this.show({ phase: WAITING });
  }

  takeDatasets(datasets) {
    this.isDry = false;
    this.show({ phase: WORKING });
    this.pool.give(datasets);
  }

  answered(answers) {
    let { done, failed } = this.view;
    for (const { kind } of answers) {
      if (kind === KIND_ERROR) failed += 1;
      else if (kind !== KIND_GIVEN_BACK) done += 1;
    }
    this.connection.answer(answers);
    this.show({ done, failed });
    if (this.isDry && this.view.phase === WORKING) this.runDry();
  }

  unloadable(bytes) {
    const error = decodeFailure(bytes);
    this.connection.failToLoad(error);
    this.show({ phase: UNLOADABLE, message: `${error.name}: ${error.message}` });
  }

  spent() {
    this.end({ phase: SPENT });
  }

  /** Leave for good. @param {Partial<View>} last what the badge shows from now on */
  end(last) {
    this.pool.stop();
    this.connection.leave();
    this.show(last);
    this.onView = () => {};
  }

  /** The sandbox is gone: hand in what is answered, and leave. @param {string} message for the kernel's owner */
  lose(message) {
    this.pool.lose(message);
    this.end({ phase: ENDED });
  }

  pause() {
    this.connection.ask(false);
    this.pool.pause();
    this.show({});
  }

  resume() {
    this.pool.resume();
    this.connection.hurry();
    if (this.pool.loaded) this.connection.ask(true);
    this.show({});
  }

  get paused() {
    return this.pool.paused;
  }

  /** @param {number} threads */
  setThreads(threads) {
    this.connection.threads = threads;
    this.pool.resize(threads);
  }

  /** @param {number} share in percent */
  setShare(share) {
    this.pool.setShare(share);
  }

  show(changes) {
    Object.assign(this.view, changes);
    const isOver = [SPENT, ENDED].includes(this.view.phase);
    this.onView({ ...this.view, phase: this.pool.paused && !isOver ? PAUSED : this.view.phase });
  }
}
