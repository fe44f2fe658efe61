// What a preview shows: how many datasets there are, the first ones and the last, and what ran on each.

import { layOut } from '../execute/layout.js';
import { FAILED, NOTHING, STOPPED, VALUE } from '../execute/trial.js';
import { saySize, sayTime } from '../execute/words.js';
import { describeAnswer } from './previews.js';

const MOST_CHARACTERS = 120;
const ONE_LINE = 1e9;

/**
 * @typedef {object} Row
 * @property {number} number of the dataset
 * @property {Uint8Array} bytes
 */

export class Table {
  /** @param {Record<string, HTMLElement>} parts */
  constructor(parts) {
    this.parts = parts;
    /** @type {Row[]} */
    this.rows = [];
  }

  /** @param {import('./previews.js').Answer} answer without an error */
  show(answer) {
    const chosen = this.chosen;
    this.rows = listRows(answer);
    const { rows, previewed } = this.parts;
    const shown = this.rows.flatMap((row, place) => {
      const gap = row.number - (this.rows[place - 1]?.number ?? -1) - 1;
      return gap > 0 ? [makeGap(gap), makeRow(row)] : [makeRow(row)];
    });
    rows.replaceChildren(...shown);
    previewed.hidden = false;
    this.setStale(false);
    if (chosen !== 'typed') this.choose(chosen);
    return describeAnswer(answer, saySize);
  }

  // The row that was chosen before, as long as there is one.
  choose(number) {
    const row = this.rows.find((candidate) => candidate.number === number) ?? this.rows[0];
    if (row !== undefined) this.findRow(row.number).querySelector('input').checked = true;
  }

  /** 'typed', the number of a dataset, or nothing. */
  get chosen() {
    const value = document.querySelector('input[name=chosen]:checked')?.value;
    return value === undefined || value === 'typed' ? value : Number(value);
  }

  find(number) {
    return this.rows.find((row) => row.number === number);
  }

  findRow(number) {
    return this.parts.rows.querySelector(`[data-number="${number}"]`);
  }

  /** The generator is another now: what is shown is not what it makes. @param {boolean} isStale */
  setStale(isStale) {
    this.parts.previewed.classList.toggle('stale', isStale);
    this.parts.stale.hidden = !isStale || this.rows.length === 0;
  }

  /** Forget what ran. */
  clearResults() {
    for (const cell of this.parts.rows.querySelectorAll('.came')) cell.replaceChildren();
  }

  /** @param {number} number @param {import('../execute/trial.js').Outcome} outcome */
  showResult(number, outcome) {
    const cell = this.findRow(number)?.querySelector('.came');
    if (cell === undefined || cell === null) return;
    const clamp = makeClamp(describeResult(outcome));
    cell.replaceChildren(clamp);
    cell.classList.toggle('bad', ![VALUE, NOTHING].includes(outcome.kind));
    if (outcome.ms !== undefined && outcome.kind !== FAILED) clamp.prepend(makeSmall(`${sayTime(outcome.ms)} `));
  }
}

function listRows({ first, last, count }) {
  const rows = first.map((bytes, number) => ({ number, bytes }));
  return last === null || count <= first.length ? rows : [...rows, { number: count - 1, bytes: last }];
}

function makeRow({ number, bytes }) {
  const row = document.createElement('tr');
  const label = document.createElement('label');
  const radio = document.createElement('input');
  Object.assign(radio, { type: 'radio', name: 'chosen', value: String(number) });
  radio.setAttribute('form', 'trying');
  radio.setAttribute('aria-label', `Run on dataset ${number.toLocaleString('en')}`);
  label.append(radio, number.toLocaleString('en'));
  row.dataset.number = String(number);
  row.append(makeCell('th', label), makeCell('td', shorten(layOut(bytes, ONE_LINE).text), 'given'), makeCell('td', '', 'came'));
  row.firstChild.scope = 'row';
  return row;
}

function makeGap(count) {
  const row = document.createElement('tr');
  row.className = 'gap';
  const cell = makeCell('td', `${count.toLocaleString('en')} more`);
  cell.colSpan = 3;
  row.append(cell);
  return row;
}

function makeCell(name, content, className = '') {
  const cell = document.createElement(name);
  cell.className = className;
  cell.append(className === '' ? content : makeClamp(content));
  return cell;
}

// Two lines of a value; the rest of it in a tooltip.
function makeClamp(text) {
  const clamp = document.createElement('div');
  clamp.append(text);
  clamp.title = text;
  return clamp;
}

function makeSmall(text) {
  const small = document.createElement('small');
  small.textContent = text;
  return small;
}

function describeResult({ kind, bytes }) {
  if (kind === VALUE) return shorten(layOut(bytes, ONE_LINE).text);
  if (kind === NOTHING) return 'no result';
  return kind === STOPPED ? 'stopped' : 'failed';
}

const shorten = (text) => (text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text);
