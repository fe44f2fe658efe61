// A campaign's page: keeps its figures moving.

const POLL_MS = 1000;
const POLL_IDLE_MS = 5000;
const main = document.querySelector('main');

/**
 * @typedef {object} Status what /campaign/ID/status answers
 * @property {string} state
 * @property {number} percent
 * @property {number} run
 * @property {number} generated
 * @property {boolean} makes_more
 * @property {boolean} is_full
 * @property {number} done
 * @property {number} value_count
 * @property {number} nothing_count
 * @property {number} failed_count
 * @property {number} load_error_count browsers in which the kernel did not load
 */

/** @param {string} name @param {string | number} text */
function setField(name, text) {
  const element = main.querySelector(`[data-field="${name}"]`);
  const shown = typeof text === 'number' ? text.toLocaleString('en') : text;
  if (element && element.textContent !== shown) element.textContent = shown;
}

/** @param {Status} status */
function showStatus(status) {
  setField('percent', (Math.floor(status.percent * 10) / 10).toFixed(1));
  for (const name of ['generated', 'done', 'value_count', 'nothing_count', 'failed_count']) setField(name, status[name]);
  setField('left', status.generated - status.done);
  const bar = main.querySelector('[data-field="bar"]');
  if (bar) bar.value = status.percent;
}

/** Fetch the page anew and put its live part in place: buttons and notices depend on the state. */
async function refreshLive() {
  const response = await fetch(location.href, { headers: { Accept: 'text/html' } });
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), 'text/html');
  const fresh = page.querySelector('#live');
  if (!fresh) return;
  const live = main.querySelector('#live');
  const focused = live.contains(document.activeElement) ? document.activeElement.id : null;
  live.replaceChildren(...fresh.childNodes);
  // A button that is gone leaves its focus to the part that it was in.
  if (focused !== null) (document.getElementById(focused) ?? live).focus();
}

/** @param {Status} status @returns {boolean} whether something changed that figures alone do not show */
function hasTurned(status) {
  const before = `${main.dataset.state} ${main.dataset.run} ${main.dataset.making} ${main.dataset.failed ?? ''}`;
  main.dataset.state = status.state;
  main.dataset.run = String(status.run);
  main.dataset.making = `${status.makes_more} ${status.is_full}`;
  main.dataset.failed = `${status.failed_count} ${status.load_error_count}`;
  return before !== `${status.state} ${status.run} ${main.dataset.making} ${main.dataset.failed}`;
}

/** @returns {Promise<number>} milliseconds until the next look, or 0 when there is nothing to look at any more */
async function poll() {
  if (document.hidden) return POLL_MS;
  const response = await fetch(main.dataset.statusUrl, { headers: { Accept: 'application/json' } });
  if (response.status === 401 || response.status === 404) {
    location.reload();
    return 0;
  }
  if (!response.ok) return POLL_IDLE_MS;
  const status = await response.json();
  showStatus(status);
  // Somebody who reads a stack trace is not interrupted.
  if (hasTurned(status) && !main.querySelector('#live details[open]')) await refreshLive();
  return ['running', 'generating'].includes(status.state) ? POLL_MS : POLL_IDLE_MS;
}

async function keepPolling() {
  const wait = await poll().catch(() => POLL_IDLE_MS);
  if (wait) setTimeout(keepPolling, wait);
}

setTimeout(keepPolling, POLL_MS);
