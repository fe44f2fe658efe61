// The page on which an owner tries the kernel: a dataset in, and out comes what a volunteer's browser would send.

import { countBefore } from '../harness/evaluate.js';
import { createSandbox } from './execute/sandbox.js';
import { startTrial } from './execute/trial.js';
import { encodeTyped, writeTyped } from './execute/typed.js';
import { View } from './execute/view.js';

const MOST_EDITED_BYTES = 1 << 16;
const main = document.querySelector('main');
const { dataset: facts } = main;
const view = new View(main);
const { form, number, typed, run, stop, edit } = view.parts;
/** What runs now: an object of its own for each run, with `halt` once it is under way. */
let current;
const openSandbox = createSandbox(facts.innerUrl);
/** @type {Promise<import('../harness/worker.js').Task> | undefined} */
let task;

form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (current === undefined) start();
});
form.addEventListener('change', chooseSource);
form.addEventListener('input', () => refuse(''));
stop.addEventListener('click', halt);
addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && current !== undefined) halt();
});
typed.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
chooseSource();

function isTyped() {
  return form.elements.from.value === 'typed';
}

function chooseSource() {
  view.parts.byNumber.hidden = isTyped();
  view.parts.byHand.hidden = !isTyped();
}

async function start() {
  const own = (current = {});
  refuse('');
  setBusy(true);
  view.begin('Getting ready…');
  try {
    const given = await readDataset();
    const [opened, fetched] = await Promise.all([openSandbox(), fetchTask()]);
    if (current === own) own.halt = runOn(opened, fetched, given);
  } catch (error) {
    if (current === own) giveUp(error);
  }
}

function runOn(opened, work, given) {
  view.say('Loading the kernel…', 'generating');
  return startTrial(opened, work, given, {
    onLoaded: () => view.say('Computing…', 'running'),
    onEnd: (outcome) => {
      rest();
      view.finish(outcome, given, countBefore(work.sloppy));
      edit.hidden = given.length > MOST_EDITED_BYTES;
      edit.onclick = () => editDataset(given);
    },
    onLine: (level, text) => view.print(level, text),
    onReport: (progress, note) => view.report(progress, note),
  });
}

function halt() {
  const { halt: end } = current ?? {};
  if (end !== undefined) end();
  else if (current !== undefined) {
    rest();
    view.rest('Stopped by you.', 'paused');
  }
}

function giveUp(error) {
  rest();
  if (error instanceof Refusal) {
    view.rest('Nothing ran: the dataset needs a change.', 'failed');
    refuse(error.message);
    (isTyped() ? typed : number).focus();
  } else view.rest(`Nothing ran: ${error.message}`, 'failed');
}

function rest() {
  current = undefined;
  setBusy(false);
}

// A button that is disabled loses its focus: the one to press is never so, and takes it from the other.
function setBusy(isBusy) {
  run.setAttribute('aria-disabled', String(isBusy));
  if (!isBusy && document.activeElement === stop) run.focus();
  stop.disabled = !isBusy;
}

function refuse(text) {
  view.refuse(text);
  for (const control of [number, typed]) control.setAttribute('aria-invalid', String(text !== ''));
}

/** The chosen dataset cannot be run on; the message says why. */
class Refusal extends Error {}

async function readDataset() {
  if (!isTyped()) return fetchDataset(number.value.trim());
  try {
    return encodeTyped(typed.value, Number(facts.datasetMaxBytes));
  } catch (error) {
    throw new Refusal(error.message);
  }
}

async function fetchDataset(wanted) {
  const response = await ask(`${facts.datasetUrl}?${new URLSearchParams({ number: wanted })}`);
  if ([404, 422].includes(response.status)) throw new Refusal(await readRefusal(response));
  if (!response.ok) throw new Error(await readRefusal(response));
  return new Uint8Array(await response.arrayBuffer());
}

function fetchTask() {
  task ??= readTask().catch((error) => {
    task = undefined;
    throw error;
  });
  return task;
}

async function readTask() {
  const response = await ask(facts.taskUrl);
  if (!response.ok) throw new Error(await readRefusal(response));
  const told = await response.json();
  if (told.kernel_hash !== facts.kernelHash) throw new Error('the kernel has changed since. Reload this page.');
  return {
    kernel: told.kernel, staticDataset: told.static_dataset, sloppy: told.sloppy, deadlineMs: told.deadline_ms,
    maxResultBytes: told.max_result_bytes,
  };
}

async function ask(address) {
  try {
    return await fetch(address, { headers: { Accept: 'application/json, application/vnd.msgpack' } });
  } catch {
    throw new Error('the site does not answer. Try again in a moment.');
  }
}

async function readRefusal(response) {
  try {
    return (await response.json()).detail;
  } catch {
    return `the site answered with ${response.status}. Try again in a moment.`;
  }
}

function editDataset(bytes) {
  typed.value = writeTyped(bytes);
  form.elements.from.value = 'typed';
  chooseSource();
  refuse('');
  typed.focus();
}
