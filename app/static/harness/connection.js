// One socket for one tab, whatever its number of threads: the batched dialect of docs/protocol.md, and reconnecting.
// Results pass through undecoded. One exchange is under way at a time.

import { comesBack, sizeBackoff } from './backoff.js';
import { Inbox } from './inbox.js';
import { CLOSE_BROKEN_PROTOCOL, CLOSE_DONE, CLOSE_LOST, HELLO, LEAVING, LOAD_FAILED, PROGRESS, PROTOCOL_VERSION } from
  './messages.js';
import { Outbox } from './outbox.js';
import { EXCHANGE_MS } from './want.js';

// A batch that is not answered for this long means that nobody is there.
const SILENCE_MS = 60_000;
// Something is asked at least this often, so that a dead connection is noticed.
const KEEP_ALIVE_MS = 30_000;
// The server closes when it has heard that we leave; if it does not, we do.
const LEAVING_MS = 3000;

/**
 * @typedef {object} ConnectionEvents
 * @property {(campaign: object) => void} onCampaign settings, `kernel` and `staticDataset`; a new one after onChanged
 * @property {() => void} onChanged what was handed out is not wanted any more
 * @property {(datasets: import('./worker.js').Held[]) => void} onDatasets
 * @property {() => void} onWait nothing to hand out now
 * @property {() => void} onLost the leases that were held are gone
 * @property {(ms: number) => void} onReconnecting
 * @property {(code: number, reason: string) => void} onEnded for good
 */

export class Connection {
  /**
   * @param {object} parts
   * @param {string} parts.url
   * @param {number} parts.campaignId ANY_CAMPAIGN for the server's choice
   * @param {number} parts.threads
   * @param {string} parts.device
   * @param {import('./clock.js').Clock} parts.clock
   * @param {() => number} parts.random
   * @param {(url: string) => WebSocket} parts.openSocket
   * @param {(last: number, roundTripMs: number) => number} parts.sizeTarget how many datasets to hold
   * @param {ConnectionEvents} events
   */
  constructor(parts, events) {
    Object.assign(this, parts, { events, failures: 0, ended: false, roundTripMs: 0 });
    this.inbox = new Inbox();
    this.outbox = new Outbox();
  }

  open() {
    this.cancelReconnect?.();
    const socket = this.openSocket(this.url);
    Object.assign(this, { socket, sentAt: undefined, cancelReconnect: undefined });
    Object.assign(this, { asking: false, target: 0, sentTarget: 0 });
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => this.sayHello();
    socket.onmessage = ({ data }) => this.hear(data);
    socket.onclose = ({ code, reason }) => this.closed(code, reason);
    this.watchSilence(socket);
  }

  // Browsers answer the server's pings but never ask themselves: a connection that died quietly would look open.
  watchSilence(socket) {
    this.clock.after(KEEP_ALIVE_MS, () => {
      if (socket !== this.socket || socket.readyState > 1) return;
      const silentMs = this.sentAt === undefined ? 0 : this.clock.now() - this.sentAt;
      if (silentMs >= SILENCE_MS) this.abandon(socket);
      else {
        if (this.sentAt === undefined && this.inbox.ready && this.isOpen) this.send();
        this.watchSilence(socket);
      }
    });
  }

  abandon(socket) {
    socket.onmessage = socket.onclose = null;
    socket.close();
    this.socket = undefined;
    this.closed(CLOSE_LOST, '');
  }

  sayHello() {
    const words = { v: PROTOCOL_VERSION, threads: this.threads, device: this.device, have: this.inbox.hashes() };
    if (this.inbox.ticket) words.resume = this.inbox.ticket;
    this.socket.send(`${HELLO}${this.campaignId} ${JSON.stringify(words)}`);
  }

  hear(data) {
    if (this.ended) return;
    const heard = this.inbox.take(data);
    if (heard.broken) this.breakOff(heard.broken);
    else if (heard.datasets) this.hearBatch(heard.datasets, heard.unasked);
    else if (heard.campaign) this.hearCampaign(heard.campaign);
    else if (heard.waits) this.events.onWait();
    else if (heard.changed) this.hearChanged();
  }

  hearCampaign(campaign) {
    const sameConnection = this.heardCampaign;
    this.heardCampaign = true;
    this.outbox.maxBytes = campaign.max_batch_bytes;
    if (!sameConnection && campaign.resumed) this.outbox.rewind();
    else if (!sameConnection && this.outbox.forget()) this.events.onLost();
    this.events.onCampaign(campaign);
    this.exchange();
  }

  hearChanged() {
    this.ask(false);
    this.events.onChanged();
  }

  hearBatch(datasets, unasked) {
    this.failures = 0;
    if (!unasked && this.sentAt !== undefined) {
      this.roundTripMs = this.clock.now() - this.sentAt;
      this.sentAt = undefined;
      this.outbox.acknowledge();
    }
    this.outbox.hold(datasets);
    if (datasets.length > 0) this.events.onDatasets(datasets);
    this.exchange();
  }

  /** Ask for datasets, or for none. @param {boolean} asking */
  ask(asking) {
    this.asking = asking;
    this.target = this.plan();
    this.exchange();
  }

  /** @param {import('./worker.js').Answer[]} answers */
  answer(answers) {
    this.outbox.add(answers);
    this.exchange();
  }

  // One exchange at a time, every half second, or at once when a thread is about to run dry or credit must shrink.
  exchange() {
    if (!this.isOpen || !this.inbox.ready || this.sentAt !== undefined) return;
    if (!this.outbox.isDue(this.target, this.threads)) return;
    const sinceLast = this.clock.now() - (this.lastSentAt ?? -EXCHANGE_MS);
    if (sinceLast >= EXCHANGE_MS || this.outbox.isUrgent(this.target, this.threads)) this.send();
    else if (!this.exchangeDue) this.exchangeLater(EXCHANGE_MS - sinceLast);
  }

  exchangeLater(ms) {
    this.exchangeDue = true;
    this.clock.after(ms, () => {
      this.exchangeDue = false;
      this.exchange();
    });
  }

  send() {
    this.target = this.sentTarget = this.plan();
    this.sentAt = this.lastSentAt = this.clock.now();
    this.socket.send(this.outbox.pack(this.target));
  }

  plan() {
    return this.asking ? this.sizeTarget(this.sentTarget, this.roundTripMs) : 0;
  }

  /** @param {{name: string, message: string, stack: string}} error */
  failToLoad(error) {
    this.ask(false);
    this.tell(LOAD_FAILED, error);
  }

  /** @param {object} told console lines, progress and note */
  report(told) {
    this.tell(PROGRESS, told);
  }

  tell(letter, words) {
    if (this.isOpen && this.inbox.ready) this.socket.send(letter + JSON.stringify(words));
  }

  /** Leave for good: hand in what is answered; the server frees the rest and closes. */
  leave() {
    const { socket, outbox } = this;
    if (this.ended) return;
    this.ended = true;
    this.cancelReconnect?.();
    if (!this.isOpen) {
      socket?.close();
      return;
    }
    while (outbox.answers.length > 0) socket.send(outbox.pack(0));
    socket.send(LEAVING);
    this.clock.after(LEAVING_MS, () => socket.close(CLOSE_DONE));
  }

  /** Connect now instead of at the end of a wait. */
  hurry() {
    if (this.cancelReconnect) this.open();
  }

  get isOpen() {
    return this.socket?.readyState === 1;
  }

  breakOff(reason) {
    this.ended = true;
    this.socket.close(CLOSE_DONE);
    this.events.onEnded(CLOSE_BROKEN_PROTOCOL, reason);
  }

  closed(code, reason) {
    this.inbox.restart();
    this.heardCampaign = false;
    if (this.ended) return;
    if (!comesBack(code)) {
      this.ended = true;
      this.events.onEnded(code, reason);
      return;
    }
    const waitMs = sizeBackoff(code, this.failures, this.random);
    this.failures += 1;
    this.cancelReconnect = this.clock.after(waitMs, () => this.open());
    this.events.onReconnecting(waitMs);
  }
}
