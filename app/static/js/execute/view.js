// What the page shows of a run: its verdict, its figures, its result or error, and what the kernel prints.

import { layOut } from './layout.js';
import { findPlace, straighten } from './place.js';
import { SourceView } from './source.js';
import { FAILED, NOTHING, STOPPED, UNLOADABLE, VALUE } from './trial.js';
import { sayBytes, sayPlace, sayTime } from './words.js';

const MOST_LINES = 500;
// A character of the monospaced fonts in use is so wide, in their size; a line has these many at most.
const CHARACTER_EM = 0.61;
const WIDEST = 88;
const STATES = { [VALUE]: 'done', [NOTHING]: 'done', [FAILED]: 'failed', [UNLOADABLE]: 'failed', [STOPPED]: 'paused' };

export class View {
  /**
   * @param {HTMLElement} root
   * @param {{lineCount: number, clear: () => void, mark: (place: object) => void, focus: () => void}} [source] that
   *   shows the kernel
   */
  constructor(root, source) {
    this.parts = findParts(root);
    this.source = source ?? new SourceView(this.parts.source);
  }

  /** Forget the last run. @param {string} words about the one that starts */
  begin(words) {
    const { parts } = this;
    for (const name of ['error', 'figures', 'value', 'trace', 'dataset', 'printed', 'report']) parts[name].hidden = true;
    for (const name of ['lines', 'note']) parts[name].replaceChildren();
    parts.bar.removeAttribute('value');
    this.source.clear();
    this.say(words, 'generating');
    this.countUp(performance.now());
  }

  /** @param {string} words @param {string} state as the site's states are called */
  say(words, state) {
    this.parts.verdict.textContent = words;
    this.parts.verdict.className = `state ${state}`;
  }

  // The seconds stand beside the live text, so that screen readers do not read them out one by one.
  countUp(since) {
    this.countdown = setInterval(() => {
      this.parts.seconds.textContent = ` ${Math.floor((performance.now() - since) / 1000)} s`;
    }, 1000);
  }

  /** Nothing runs any more. @param {string} words @param {string} state */
  rest(words, state) {
    clearInterval(this.countdown);
    this.parts.seconds.textContent = '';
    this.parts.report.hidden = true;
    this.say(words, state);
  }

  /**
   * @param {import('./trial.js').Outcome} outcome whose error may name its place
   * @param {Uint8Array} dataset
   * @param {number} before characters that the harness puts before the source
   */
  finish(outcome, dataset, before) {
    this.rest(describe(outcome), STATES[outcome.kind]);
    if (outcome.kind === VALUE) this.showValue(outcome.bytes);
    this.showDataset(dataset);
    this.showFigures(outcome, dataset);
    // Last, because it brings a line into view, which what appears above it would push away.
    if (outcome.error !== undefined) this.showError(outcome.error, before);
  }

  showValue(bytes) {
    this.parts.value.hidden = false;
    const { text, isWhole } = layOut(bytes, this.countCharacters());
    this.parts.shown.textContent = text;
    this.parts.rest.hidden = isWhole;
  }

  // How many characters stand on a line of the values' boxes, which are all as wide as the verdict.
  countCharacters() {
    const { width } = this.parts.verdict.closest('section').getBoundingClientRect();
    const characterWidth = CHARACTER_EM * parseFloat(getComputedStyle(this.parts.shown).fontSize);
    return Math.min(WIDEST, Math.floor((width - 40) / characterWidth));
  }

  showDataset(bytes) {
    this.parts.dataset.hidden = false;
    this.parts.given.textContent = layOut(bytes, this.countCharacters()).text;
  }

  showFigures({ ms, bytes }, dataset) {
    this.parts.figures.hidden = false;
    this.setFigure('time', ms === undefined ? undefined : sayTime(ms));
    this.setFigure('size', bytes === undefined ? undefined : sayBytes(bytes.length));
    this.setFigure('datasetSize', sayBytes(dataset.length));
  }

  setFigure(name, text) {
    const { [name]: field } = this.parts;
    field.parentElement.hidden = text === undefined;
    field.textContent = text ?? '';
  }

  showError({ name, message, stack: told, place: given }, before) {
    const { parts } = this;
    const stack = straighten(told, before);
    const place = given ?? findPlace(stack, this.source.lineCount);
    parts.error.hidden = false;
    parts.name.textContent = name || 'Error';
    parts.message.textContent = message;
    parts.place.hidden = place === undefined;
    parts.trace.hidden = stack === '';
    parts.stack.textContent = stack;
    if (place !== undefined) this.showPlace(place);
  }

  showPlace(place) {
    this.parts.placeLink.textContent = sayPlace(place);
    this.parts.placeLink.onclick = (event) => {
      event.preventDefault();
      this.source.mark(place);
      this.source.focus();
    };
    this.source.mark(place);
  }

  /** @param {string} level @param {string} text */
  print(level, text) {
    const { lines, printed } = this.parts;
    const line = document.createElement('li');
    line.className = level;
    line.textContent = text;
    printed.hidden = false;
    const isAtEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 8;
    lines.append(line);
    if (lines.childElementCount > MOST_LINES) lines.firstElementChild.remove();
    if (isAtEnd) lines.scrollTop = lines.scrollHeight;
  }

  /** @param {number | null} progress from 0 to 1 @param {string | null} note */
  report(progress, note) {
    this.parts.report.hidden = false;
    if (progress !== null) this.parts.bar.value = progress;
    if (note !== null) this.parts.note.textContent = note;
  }

  /** What is wrong with the chosen dataset; nothing: it is fine. @param {string} text */
  refuse(text) {
    this.parts.refusal.hidden = text === '';
    this.parts.refusal.textContent = text;
  }
}

/** @param {HTMLElement} root @returns {Record<string, HTMLElement>} its parts by their names */
export const findParts = (root) =>
  Object.fromEntries([...root.querySelectorAll('[data-part]')].map((part) => [part.dataset.part, part]));

function describe({ kind, ms, bytes }) {
  if (kind === VALUE) return `A result of ${sayBytes(bytes.length)}, in ${sayTime(ms)}.`;
  if (kind === NOTHING) return `No result: main returned null or undefined. It took ${sayTime(ms)}.`;
  if (kind === STOPPED) return 'Stopped by you.';
  return kind === UNLOADABLE ? 'The kernel did not load.' : 'The dataset failed.';
}

