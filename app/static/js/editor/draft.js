// What somebody typed and has not sent, kept in this browser for this user, so that a reload loses nothing.

const PREFIX = 'manyhands-draft-';
// Browsers keep about five million characters for a site; a draft takes no more than a part of them.
const MOST_CHARACTERS = 1 << 20;

/**
 * @typedef {object} Kept
 * @property {Record<string, string | boolean>} fields by their names
 * @property {number} savedAt in ms since 1970
 * @property {string[]} left the names of fields that were too long to be kept
 * @property {string} start the query of the address where it was typed: what it was started from
 * @property {number} [sentAfter] it was sent when this was the owner's newest campaign
 */

export class Draft {
  /**
   * @param {() => Storage} getStorage which throws where the browser allows none
   * @param {string} userId
   */
  constructor(getStorage, userId) {
    this.getStorage = getStorage;
    this.key = PREFIX + userId;
  }

  /**
   * @param {number} newestId of the owner's campaigns: a larger one than when the draft was sent is what became of it
   * @returns {Kept | undefined}
   */
  load(newestId) {
    const kept = this.read();
    if (kept?.sentAfter === undefined || newestId <= kept.sentAfter) return kept;
    this.discard();
    return undefined;
  }

  read() {
    try {
      const kept = JSON.parse(this.getStorage().getItem(this.key));
      return isDraft(kept) ? kept : undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * @param {Record<string, string | boolean>} fields
   * @param {number} savedAt
   * @param {string} start
   * @returns {string[] | undefined} the names of fields that were too long; undefined: nothing could be kept
   */
  save(fields, savedAt, start) {
    const { fitting, left } = fit(fields);
    return this.write({ fields: fitting, savedAt, start, left }) ? left : undefined;
  }

  /** The form is on its way. @param {number} newestId of the owner's campaigns, before it */
  markSent(newestId) {
    const kept = this.read();
    if (kept !== undefined) this.write({ ...kept, sentAfter: newestId });
  }

  write(kept) {
    try {
      this.getStorage().setItem(this.key, JSON.stringify(kept));
      return true;
    } catch {
      this.discard(); // Better none than one that is older than it looks.
      return false;
    }
  }

  discard() {
    try {
      this.getStorage().removeItem(this.key);
    } catch {
      // Where nothing can be kept there is nothing to take away.
    }
  }

  /** Take away what other users of this browser left. */
  discardOthers() {
    try {
      const storage = this.getStorage();
      const keys = Array.from({ length: storage.length }, (_, i) => storage.key(i));
      for (const key of keys) if (key.startsWith(PREFIX) && key !== this.key) storage.removeItem(key);
    } catch {
      // As above.
    }
  }
}

const isDraft = (kept) => typeof kept === 'object' && kept !== null && typeof kept.fields === 'object' &&
  kept.fields !== null && typeof kept.savedAt === 'number' && Array.isArray(kept.left);

// The shortest fields first: one that is too long must not crowd out the others.
function fit(fields) {
  const entries = Object.entries(fields).sort(([, a], [, b]) => String(a).length - String(b).length);
  const [fitting, left] = [{}, []];
  let room = MOST_CHARACTERS;
  for (const [name, value] of entries) {
    room -= String(value).length;
    if (room >= 0) fitting[name] = value;
    else left.push(name);
  }
  return { fitting, left };
}
