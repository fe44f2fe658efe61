// The page on which a campaign is made: start, edit, try it. Without this script it is a plain form.

import { createSandbox } from './execute/sandbox.js';
import { findParts } from './execute/view.js';
import { findSlip, loadKernel } from './editor/check.js';
import { Draft } from './editor/draft.js';
import { refuseOtherDrops } from './editor/drop.js';
import { readFields, writeFields } from './editor/fields.js';
import { Keeping } from './editor/keeping.js';
import { CodeSource, StaticSource } from './editor/sources.js';
import { Refusal, Trying } from './editor/trying.js';

const { nonce } = document.currentScript;
const main = document.querySelector('main');
const { dataset: facts } = main;
const form = document.querySelector('.campaign-form');
const { elements } = form;
const openSandbox = createSandbox(facts.innerUrl);
const parts = findParts(main);
/** The kernel that somebody was asked about, since it does not parse. @type {string | undefined} */
let askedAbout;
/** @type {Trying | undefined} not there yet while the sources are made, which may have changes to tell by then */
let trying;

const findSource = (name) => document.querySelector(`[data-source=${name}]`);
const isSloppy = () => document.getElementById('sloppy').checked;
const check = (getSloppy) => (source) =>
  findSlip((kernel) => loadKernel(openSandbox, kernel, getSloppy()), source).catch(() => undefined);

const kernel = new CodeSource(findSource('kernel'), {
  nonce, check: check(isSloppy), onRun: () => trying.runOne(), onChange: () => change('forgetRuns'),
});
const generator = new CodeSource(findSource('dataset_gen'), {
  nonce, check: check(() => false), onRun: () => trying.preview(), onChange: () => change('forgetPreview'),
});
const staticDataset = new StaticSource(findSource('static_dataset'), () => change('forgetRuns'));
trying = new Trying(parts.trying, {
  readTask, generator, openSandbox, kernelCode: kernel.code, datasetMaxBytes: Number(facts.datasetMaxBytes),
  site: { fetch: (...given) => fetch(...given), sleep, address: facts.previewsUrl, token: elements.csrf_token.value },
});

const sources = { kernel_text: kernel, dataset_gen_text: generator };
const keeping = new Keeping(
  new Draft(() => localStorage, facts.userId),
  {
    read: () => ({ ...readFields(form), ...staticDataset.readFile() }),
    write: (fields) => {
      writeFields(form, fields, sources, staticDataset);
      return staticDataset.restoreFile(fields);
    },
    writeFile: (fields) => {
      staticDataset.restoreFile(fields);
      return staticDataset.hasFile;
    },
  },
  parts,
  {
    newestId: Number(facts.newestId), hasErrors: 'wrong' in facts, isChosen: 'chosen' in facts, start: location.search,
    isBack: performance.getEntriesByType('navigation')[0]?.type !== 'navigate',
  },
);

keeping.begin();
parts.keys.hidden = false;
parts.tryingStep.hidden = false;
if (/^Mac|^iP/.test(navigator.platform)) parts.mod.textContent = '⌘';
refuseOtherDrops();
form.addEventListener('input', () => keeping.note());
form.addEventListener('change', ({ target }) => {
  if (target.name === 'sloppy') kernel.code.checkAgain();
  if (['sloppy', 'deadline_s'].includes(target.name)) trying.forgetRuns();
});
form.addEventListener('submit', send);
document.querySelector(`form[action="${facts.signOutUrl}"]`)?.addEventListener('submit', () => keeping.forget());
addEventListener('pageshow', ({ persisted }) => { if (persisted) setSending(false); });
addEventListener('keydown', (event) => {
  // In an editor it closes the search, or lets Tab leave.
  if (event.key === 'Escape' && trying.current !== undefined && !event.target.closest('.cm-editor')) trying.stop();
});
// Editors have this key themselves, and say so by preventing what it does otherwise.
form.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || event.defaultPrevented) return;
  event.preventDefault();
  trying.runOne();
});

function change(what) {
  if (trying === undefined) return;
  trying[what]();
  keeping.note();
}

function sleep(ms) {
  return new Promise((resolve) => { setTimeout(resolve, ms); });
}

function readTask() {
  if (kernel.text.trim() === '') throw new Refusal('The kernel is empty. Start from a template, or write one.');
  return {
    kernel: kernel.text, staticDataset: staticDataset.text, sloppy: isSloppy(), deadlineMs: readDeadline(),
    maxResultBytes: Number(facts.maxResultBytes),
  };
}

function readDeadline() {
  const text = elements.deadline_s.value.trim();
  const seconds = Number(text);
  if (text === '') return Number(facts.deadlineMs);
  if (seconds >= 1 && seconds <= 3600) return Math.round(seconds * 1000);
  throw new Refusal('The time limit must be a number of seconds from 1 to 3,600, or empty.');
}

function send(event) {
  if (form.classList.contains('sending') || asksFirst()) {
    event.preventDefault();
    return;
  }
  keeping.send();
  setSending(true);
}

// A kernel that does not parse here may yet in another browser, or be sent by somebody who means to mend it later.
function asksFirst() {
  const asks = kernel.code.hasSlip && askedAbout !== kernel.text;
  askedAbout = kernel.text;
  const slip = asks ? kernel.code.focusSlip() : '';
  kernel.refuse(asks
    ? `This does not parse, so that no volunteer could run it. ${slip} Mend it, or press “Make the campaign” once more.` : '');
  return asks;
}

function setSending(isSending) {
  form.classList.toggle('sending', isSending);
  parts.make.textContent = isSending ? 'Making the campaign…' : 'Make the campaign';
  if (!isSending) keeping.resume();
}
