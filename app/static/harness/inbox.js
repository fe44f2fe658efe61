// What the server says, frame by frame: puts a campaign together, and keeps texts by their hash for the next hello.

import { decode } from './codec.js';
import { CAMPAIGN, CHANGED, DATASET, KERNEL, STATIC_DATASET, WAIT } from './messages.js';

const TEXTS_KEPT = 8;

/**
 * @typedef {object} Heard one of: `broken` says why the frame cannot be, `campaign` is complete with its texts,
 *   `datasets` is a batch (`unasked`: it acknowledges nothing), `waits`, `changed`; empty when more frames must come
 */

export class Inbox {
  constructor() {
    /** @type {Map<string, string>} hash to text, the newest last */
    this.texts = new Map();
    this.ticket = undefined;
    this.restart();
  }

  /** A new connection: nothing was said yet. */
  restart() {
    Object.assign(this, { campaign: undefined, ready: false, awaited: undefined, unasked: false });
  }

  /** @returns {string[]} hashes of the texts that need not be sent again */
  hashes() {
    return [...this.texts.keys()];
  }

  /** @param {string | ArrayBuffer} data @returns {Heard} */
  take(data) {
    if (typeof data !== 'string') return this.takeBatch(new Uint8Array(data));
    if (this.awaited !== undefined) return this.takeText(data);
    if (data[0] === CAMPAIGN) return this.takeCampaign(data.slice(1));
    switch (data) {
      case KERNEL: return this.await('kernel_hash');
      case STATIC_DATASET: return this.await('static_hash');
      case DATASET: return this.announce();
      case WAIT: return { waits: true };
      case CHANGED: return { changed: true };
      default: return { broken: 'an unknown message came' };
    }
  }

  // The batch that follows is not the reply to ours.
  announce() {
    this.unasked = true;
    return {};
  }

  await(field) {
    if (this.campaign === undefined) return { broken: 'a kernel or static dataset came before its campaign' };
    this.awaited = field;
    return {};
  }

  takeText(text) {
    this.keep(this.campaign[this.awaited], text);
    this.awaited = undefined;
    return this.complete();
  }

  keep(hash, text) {
    this.texts.delete(hash);
    this.texts.set(hash, text);
    if (this.texts.size > TEXTS_KEPT) this.texts.delete(this.texts.keys().next().value);
  }

  takeCampaign(json) {
    const campaign = parse(json);
    if (!isCampaign(campaign)) return { broken: 'a campaign came that cannot be read' };
    this.campaign = campaign;
    this.ready = false;
    this.ticket = campaign.resume;
    return this.complete();
  }

  complete() {
    const kernel = this.texts.get(this.campaign.kernel_hash);
    const staticDataset = this.texts.get(this.campaign.static_hash);
    if (this.ready || kernel === undefined || staticDataset === undefined) return {};
    this.ready = true;
    return { campaign: { ...this.campaign, kernel, staticDataset } };
  }


  takeBatch(bytes) {
    if (this.campaign === undefined) return { broken: 'datasets came before their campaign' };
    let batch;
    try {
      batch = decode(bytes);
    } catch {
      return { broken: 'a batch came that cannot be read' };
    }
    if (!Array.isArray(batch) || !batch.every(isDataset)) return { broken: 'a batch came that cannot be read' };
    const { unasked } = this;
    this.unasked = false;
    return { datasets: batch.map(([lease, dataset]) => ({ lease, bytes: dataset })), unasked };
  }
}

const isDataset = (item) => Array.isArray(item) && Number.isSafeInteger(item[0]) && item[1] instanceof Uint8Array;

function parse(json) {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function isCampaign(campaign) {
  if (typeof campaign !== 'object' || campaign === null) return false;
  const sizes = [campaign.deadline_ms, campaign.max_result_bytes, campaign.max_batch_bytes];
  return sizes.every((size) => Number.isFinite(size) && size > 0)
    && [campaign.kernel_hash, campaign.static_hash, campaign.name].every((text) => typeof text === 'string');
}
