// What a kernel tells its owner while it runs, gathered into one small message a second.

const EVERY_MS = 1000;
const GATHER_MS = 100;
const MOST_LINES = 50;
// A frame of text may have 65,536 characters, and JSON may take six for one.
const MOST_CHARACTERS = 8000;

export class Reporter {
  /**
   * @param {import('./clock.js').Clock} clock
   * @param {(told: {lines?: string[][], progress?: number, note?: string}) => void} send
   */
  constructor(clock, send) {
    Object.assign(this, { clock, send, waiting: false, sentAt: -Infinity });
    this.clear();
  }

  clear() {
    Object.assign(this, { lines: [], characters: 0, told: {} });
  }

  /** @param {string} level @param {string} text */
  line(level, text) {
    this.characters += text.length;
    if (this.lines.length < MOST_LINES && this.characters <= MOST_CHARACTERS) this.lines.push([level, text]);
    this.schedule();
  }

  /** @param {number | null} progress from 0 to 1 @param {string | null} note */
  report(progress, note) {
    if (progress !== null) this.told.progress = progress;
    if (note !== null) this.told.note = note;
    this.schedule();
  }

  schedule() {
    if (this.waiting) return;
    this.waiting = true;
    const sinceLast = this.clock.now() - this.sentAt;
    this.clock.after(Math.max(GATHER_MS, EVERY_MS - sinceLast), () => {
      Object.assign(this, { waiting: false, sentAt: this.clock.now() });
      this.send(this.lines.length > 0 ? { ...this.told, lines: this.lines } : this.told);
      this.clear();
    });
  }
}
