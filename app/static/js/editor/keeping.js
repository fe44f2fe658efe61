// The draft on the page: when it is saved, and what the line about it says.

import { sayAge } from './words.js';

const SAVE_AFTER_MS = 500;

export class Keeping {
  /**
   * @param {import('./draft.js').Draft} draft
   * @param {{read: () => Record<string, string | boolean>, write: (fields: object) => string | undefined}} fields of the
   *   page; what writes them returns the name of a file that must be chosen again
   * @param {(fields: object) => boolean} fields.writeFile says whether there is a file now
   * @param {Record<string, HTMLElement>} parts
   * @param {{newestId: number, hasErrors: boolean, isChosen: boolean, isBack: boolean, start: string}} facts isChosen:
   *   the address says what to start from; isBack: the page was reloaded, or come back to
   */
  constructor(draft, fields, parts, facts) {
    Object.assign(this, { draft, fields, parts, facts, initial: fields.read(), isChanged: facts.hasErrors });
    parts.restore.addEventListener('click', () => this.restore());
    parts.discard.addEventListener('click', () => this.discard());
    addEventListener('pagehide', () => this.flush());
  }

  /** Look for a draft: bring it back, or offer it where somebody chose what to start from. */
  begin() {
    this.draft.discardOthers();
    this.kept = this.draft.load(this.facts.newestId);
    if (this.kept === undefined) return;
    if (this.facts.hasErrors) this.restoreFile();
    else if (this.isWanted) this.restore();
    else this.offer();
  }

  // Whoever reloads a page that began with a template wants what was made of it; whoever chooses one does not.
  get isWanted() {
    const { isChosen, isBack, start } = this.facts;
    return !isChosen || (isBack && this.kept.start === start);
  }

  offer() {
    this.say(`There is a draft from ${sayAge(Date.now() - this.kept.savedAt)} that you have not sent. `
      + 'Changing this page replaces it.');
    this.parts.restore.hidden = false;
  }

  restore() {
    const missing = this.fields.write({ ...this.initial, ...this.kept.fields });
    const left = this.kept.left.some((name) => name in this.initial) ? ' What was too long to keep is not in it.' : '';
    const again = missing === undefined ? '' : ` ${missing} was too large to be kept: choose it again, as the static dataset.`;
    this.say(`Draft restored, from ${sayAge(Date.now() - this.kept.savedAt)}.${left}${again}`);
    this.parts.restore.hidden = true;
    this.isRestored = true;
  }

  // A form that the site refused comes back as it was sent, but for the file, which no browser keeps.
  restoreFile() {
    const { chooseAgain } = this.parts;
    if (chooseAgain !== undefined && this.kept.sentAfter !== undefined) chooseAgain.hidden = this.fields.writeFile(this.kept.fields);
  }

  discard() {
    clearTimeout(this.timer);
    this.isChanged = false;
    this.draft.discard();
    if (this.isRestored) this.fields.write(this.initial);
    clearTimeout(this.timer);
    this.isChanged = false;
    this.parts.draft.hidden = true;
    this.parts.discarded.textContent = 'Draft discarded.';
  }

  say(text) {
    this.parts.draftText.textContent = text;
    this.parts.draft.hidden = false;
  }

  /** Something on the page was changed. */
  note() {
    this.isChanged = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), SAVE_AFTER_MS);
  }

  flush() {
    clearTimeout(this.timer);
    if (!this.isChanged || this.isSent) return;
    this.isChanged = false;
    const left = this.draft.save(this.fields.read(), Date.now(), this.facts.start);
    this.parts.unkept.hidden = left !== undefined && left.length === 0;
  }

  /** The form goes to the site now. */
  send() {
    this.isChanged = true;
    this.flush();
    this.draft.markSent(this.facts.newestId);
    this.isSent = true;
  }

  /** A page that comes back from the browser's memory has not been sent. */
  resume() {
    this.isSent = false;
  }

  forget() {
    this.isSent = true;
    this.draft.discard();
  }
}
