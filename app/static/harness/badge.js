// The volunteer's badge: what is going on, in words, and the controls. The page's words are in the template.

import * as phases from './volunteer.js';
import {
  CLOSE_DONE, CLOSE_NOT_RUNNING, CLOSE_NO_SUCH_CAMPAIGN, CLOSE_REFUSED, CLOSE_TOO_BIG,
} from './messages.js';

const WORDS = {
  [phases.STARTING]: 'Starting…',
  [phases.WORKING]: 'Computing.',
  [phases.WAITING]: 'Waiting for work.',
  [phases.PAUSED]: 'Paused by you.',
  [phases.RECONNECTING]: 'Reconnecting',
  [phases.SPENT]: 'Stopped: this campaign’s kernel kept running past its time limit here.',
};
const ENDS = {
  [CLOSE_DONE]: 'Finished: thank you!',
  [CLOSE_NOT_RUNNING]: 'Paused: this campaign has nothing to compute right now.',
  [CLOSE_NO_SUCH_CAMPAIGN]: 'This campaign is no longer there.',
  [CLOSE_TOO_BIG]: 'Stopped: what this tab sent was larger than the server takes.',
  [CLOSE_REFUSED]: 'The server takes no more volunteers from here right now.',
};

export class Badge {
  /** @param {HTMLElement} root */
  constructor(root) {
    const find = (name) => root.querySelector(`[data-part="${name}"]`);
    Object.assign(this, {
      root, toggle: find('toggle'), state: find('state'), done: find('done'), share: find('share'),
      threads: find('threads'), hidden: find('hidden'), now: find('now'), seconds: find('seconds'),
    });
  }

  /** @param {number} cores @param {number} threads chosen at first */
  offerThreads(cores, threads) {
    for (let count = 1; count <= cores; count += 1) this.threads.add(new Option(String(count), String(count)));
    this.threads.value = String(threads);
  }

  /** @param {import('./volunteer.js').View} view */
  show(view) {
    this.root.dataset.phase = view.phase;
    this.setText(this.done, countDone(view));
    this.setText(this.now, view.campaignName);
    this.setText(this.toggle, labelToggle(view));
    clearInterval(this.countdown);
    this.setText(this.state, describe(view));
    this.setText(this.seconds, '');
    if (view.phase === phases.RECONNECTING) this.countDown(performance.now() + view.waitMs);
  }

  /** @param {string} text something that went wrong before there was a volunteer */
  fail(text) {
    this.root.dataset.phase = phases.ENDED;
    this.setText(this.state, text);
    this.setText(this.toggle, 'Try again');
  }

  // The seconds stand beside the live text, so that screen readers do not read them out one by one.
  countDown(until) {
    const tick = () => {
      const seconds = Math.max(0, Math.ceil((until - performance.now()) / 1000));
      this.setText(this.seconds, seconds > 0 ? ` in ${seconds} s` : '');
    };
    tick();
    this.countdown = setInterval(tick, 1000);
  }

  setText(element, text) {
    if (element && element.textContent !== text) element.textContent = text;
  }
}

function describe(view) {
  if (view.phase === phases.UNLOADABLE) return `The kernel does not run in this browser: ${view.message}`;
  if (view.phase === phases.ENDED) {
    return ENDS[view.code] ?? `Stopped (${view.code}${view.message ? `: ${view.message}` : ''}).`;
  }
  return WORDS[view.phase];
}

function labelToggle({ phase }) {
  if (phase === phases.PAUSED) return 'Resume';
  return [phases.SPENT, phases.ENDED].includes(phase) ? 'Start again' : 'Pause';
}

function countDone({ done, failed }) {
  const noun = done === 1 ? 'dataset' : 'datasets';
  const count = `${done.toLocaleString('en')} ${noun} done`;
  return failed === 0 ? count : `${count}, ${failed.toLocaleString('en')} failed`;
}
