// The third step: have the generator previewed, and run the kernel on what it makes, before there is a campaign.

import { countBefore } from '../../harness/evaluate.js';
import { FAILED, NOTHING, STOPPED, startTrial, UNLOADABLE, VALUE } from '../execute/trial.js';
import { encodeTyped, writeTyped } from '../execute/typed.js';
import { View } from '../execute/view.js';
import { sayPlace } from '../execute/words.js';
import { explain } from './cause.js';
import { explainFailure } from './check.js';
import { sayEstimate } from './estimate.js';
import { askPreview } from './previews.js';
import { Table } from './table.js';

const MOST_EDITED_BYTES = 1 << 16;
const FIRST = 10;

/** Something on the page needs a change before anything can run; the message says what. */
export class Refusal extends Error {}

export class Trying {
  /**
   * @param {HTMLElement} panel
   * @param {object} around
   * @param {() => import('../../harness/worker.js').Task} around.readTask throws Refusal
   * @param {{text: string, code: import('./code.js').Code}} around.generator
   * @param {import('./code.js').Code} around.kernelCode
   * @param {object} around.site see askPreview
   * @param {() => Promise<import('../execute/sandbox.js').Sandbox>} around.openSandbox
   * @param {number} around.datasetMaxBytes
   */
  constructor(panel, around) {
    Object.assign(this, around, { times: [] });
    this.view = new View(panel, around.kernelCode);
    this.parts = this.view.parts;
    this.table = new Table(this.parts);
    panel.hidden = false;
    this.listen(panel);
  }

  listen(panel) {
    const { preview, run, runTen, stop, again, volunteers, threads, typed } = this.parts;
    preview.addEventListener('click', () => this.preview());
    again.addEventListener('click', () => this.preview());
    run.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.runOne();
    });
    runTen.addEventListener('click', () => this.runTen());
    stop.addEventListener('click', () => this.stop());
    for (const field of [volunteers, threads]) field.addEventListener('input', () => this.showEstimate());
    panel.addEventListener('change', () => this.showChoice());
    typed.addEventListener('input', () => this.view.refuse(''));
  }

  /** The generator was changed. */
  forgetPreview() {
    this.answer = undefined;
    this.table.setStale(true);
    this.showEstimate();
  }

  /** The kernel was changed, or what it runs with. */
  forgetRuns() {
    this.times = [];
    this.table.clearResults();
    this.showEstimate();
  }

  preview() {
    return this.act((signal) => this.fetchPreview(signal));
  }

  runOne() {
    return this.act(async (signal) => {
      this.view.refuse('');
      const task = this.readTask();
      const row = this.table.chosen === 'typed' ? this.readTyped() : await this.findChosen(signal);
      if (row !== undefined) await this.runAll([row], task, signal);
    });
  }

  runTen() {
    return this.act(async (signal) => {
      const task = this.readTask();
      if (await this.findChosen(signal) !== undefined) await this.runAll(this.table.rows.slice(0, FIRST), task, signal);
    });
  }

  stop() {
    this.current?.abort();
  }

  // One thing at a time: a preview, or a run.
  async act(work) {
    if (this.current !== undefined) return;
    this.current = new AbortController();
    const { signal } = this.current;
    this.setBusy(true);
    try {
      await work(signal);
    } catch (error) {
      if (error instanceof Refusal) this.view.refuse(error.message);
      else if (!signal.aborted) throw error;
    } finally {
      this.current = undefined;
      this.setBusy(false);
    }
  }

  // A button that is disabled loses its focus: those to press are never so, and one takes it from the other.
  setBusy(isBusy) {
    const { preview, run, runTen, stop } = this.parts;
    for (const button of [preview, run, runTen]) button.setAttribute('aria-disabled', String(isBusy));
    if (!isBusy && document.activeElement === stop) run.focus();
    stop.disabled = !isBusy;
  }

  /** @returns {Promise<boolean>} whether there are datasets */
  async fetchPreview(signal) {
    const source = this.generator.text;
    if (source.trim() === '') throw new Refusal('The dataset generator is empty. Start from a template, or write one.');
    this.startPreview();
    try {
      const answer = await askPreview(source, this.site, signal);
      if (answer.error !== null) this.showError(...explainAnswer(answer, source));
      else if (this.generator.text === source) this.answer = answer;
      if (answer.error === null) this.tell(this.table.show(answer), 'done');
      return answer.error === null;
    } catch (error) {
      if (signal.aborted) this.tell('Stopped by you.', 'paused');
      else this.showError(error.message, {});
      return false;
    } finally {
      this.showEstimate();
    }
  }

  startPreview() {
    this.view.refuse('');
    this.parts.previewError.hidden = true;
    this.generator.code.clear();
    this.tell('Running the generator on the site…', 'generating');
  }

  tell(words, state) {
    this.parts.told.textContent = words;
    this.parts.told.className = `state ${state}`;
  }

  showError(message, { line, column }) {
    const { previewError, previewMessage, previewPlace, again } = this.parts;
    const place = line ? { line: Math.min(line, this.generator.code.lineCount), column: column ?? undefined } : undefined;
    this.tell('There are no datasets.', 'failed');
    previewError.hidden = false;
    previewMessage.textContent = message;
    previewPlace.hidden = place === undefined;
    again.hidden = line !== undefined; // The same generator would fail again.
    if (place === undefined) return;
    previewPlace.textContent = sayPlace(place);
    previewPlace.onclick = (event) => {
      event.preventDefault();
      this.generator.code.mark(place);
      this.generator.code.focus();
    };
    this.generator.code.mark(place);
  }

  readTyped() {
    try {
      return { bytes: encodeTyped(this.parts.typed.value, this.datasetMaxBytes) };
    } catch (error) {
      this.parts.typed.focus();
      throw new Refusal(error.message);
    }
  }

  // The chosen dataset of what the generator makes now.
  async findChosen(signal) {
    if (this.answer === undefined && !(await this.fetchPreview(signal))) return undefined;
    const row = this.table.find(this.table.chosen) ?? this.table.rows[0];
    if (row === undefined) throw new Refusal('The datasets are too large to be shown here. Type a smaller one.');
    return row;
  }

  async runAll(rows, task, signal) {
    this.view.begin('Getting ready…');
    let outcome;
    try {
      const sandbox = await this.openSandbox();
      for (const row of rows) {
        outcome = await this.runRow(sandbox, row, task, signal, rows.length);
        if (![VALUE, NOTHING].includes(outcome.kind)) break;
      }
    } catch (error) {
      this.view.rest(`Nothing ran: ${error.message}`, 'failed');
      return;
    }
    if (rows.length > 1 && [VALUE, NOTHING].includes(outcome.kind)) this.sumUp(rows.length);
  }

  async runRow(sandbox, row, task, signal, count) {
    const { view } = this;
    const which = count > 1 ? ` dataset ${row.number + 1} of ${count}` : '';
    view.say('Loading the kernel…', 'generating');
    const outcome = signal.aborted ? { kind: STOPPED } : await runTrial(sandbox, task, row.bytes, signal, {
      onLoaded: () => view.say(`Computing${which}…`, 'running'),
      onLine: (level, text) => view.print(level, text),
      onReport: (progress, note) => view.report(progress, note),
    });
    this.showOutcome(row, outcome, task);
    return outcome;
  }

  showOutcome({ number, bytes }, outcome, task) {
    const { view } = this;
    const before = countBefore(task.sloppy);
    const error = outcome.kind === UNLOADABLE ? explainFailure(outcome.error, task.kernel, before) : outcome.error;
    view.finish({ ...outcome, error }, bytes, before);
    if (outcome.kind === FAILED && number !== undefined) view.say(`Dataset ${number.toLocaleString('en')} failed.`, 'failed');
    view.parts.edit.hidden = bytes.length > MOST_EDITED_BYTES;
    view.parts.edit.onclick = () => this.editCopy(bytes);
    if (outcome.kind !== UNLOADABLE && number !== undefined) this.table.showResult(number, outcome);
    if ([VALUE, NOTHING].includes(outcome.kind)) this.times.push(outcome.ms);
    this.showEstimate();
  }

  sumUp(count) {
    const [least, most] = [Math.min(...this.times.slice(-count)), Math.max(...this.times.slice(-count))];
    const each = `${Number(least.toPrecision(2))} to ${Number(most.toPrecision(2))} ms`;
    this.view.say(`All ${count} ran, in ${each} each. Below is the last.`, 'done');
  }

  editCopy(bytes) {
    const { typed, typedChoice } = this.parts;
    typed.value = writeTyped(bytes);
    typedChoice.checked = true;
    this.showChoice();
    typed.focus();
  }

  showChoice() {
    this.parts.byHand.hidden = this.table.chosen !== 'typed';
    this.view.refuse('');
  }

  showEstimate() {
    const { estimate, answer: told, basis, volunteers, threads } = this.parts;
    const [helpers, each] = [volunteers, threads].map((field) => Math.floor(field.valueAsNumber));
    const { answer, times } = this;
    estimate.hidden = answer === undefined || times.length === 0;
    if (estimate.hidden) return;
    if (!(helpers >= 1 && each >= 1)) {
      told.textContent = 'Give at least one volunteer and one thread.';
      basis.textContent = '';
      return;
    }
    const msPerDataset = times.reduce((sum, ms) => sum + ms, 0) / times.length;
    const said = sayEstimate({
      datasets: answer.count, isWhole: answer.is_whole, msPerDataset, runs: times.length, volunteers: helpers, threads: each,
    });
    told.textContent = said.answer;
    basis.textContent = said.basis;
  }
}

function runTrial(sandbox, task, bytes, signal, events) {
  return new Promise((resolve) => {
    const halt = startTrial(sandbox, task, bytes, { ...events, onEnd: resolve });
    signal.addEventListener('abort', halt, { once: true });
  });
}

// The engine that runs generators says where it noticed that one does not parse.
function explainAnswer({ error, line, column }, source) {
  const [, message] = /^SyntaxError: ([^]*)/.exec(error) ?? [];
  if (message === undefined || !line) return [error, { line, column }];
  const found = explain(source, { message, line, column: column ?? undefined });
  return [`SyntaxError: ${found.message}`, found];
}
