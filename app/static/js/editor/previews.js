// Has the site run a dataset generator, and waits for what it makes.

const FIRST_WAIT_MS = 120;
const LONGEST_WAIT_MS = 2000;
const GROWTH = 1.5;
const GIVE_UP_MS = 90_000;
// A site that restarts is back within seconds.
const MOST_SILENCES = 5;

/** There is no answer; the message says why. It may be asked again. */
export class NoPreview extends Error {}

/**
 * @typedef {object} Answer as the site gives it, the datasets as bytes
 * @property {number} count
 * @property {number} size_bytes
 * @property {Uint8Array[]} first
 * @property {Uint8Array | null} last
 * @property {boolean} is_lockstep
 * @property {boolean} is_whole
 * @property {string | null} error
 * @property {number | null} line
 * @property {number | null} column
 */

/**
 * @param {string} source of the generator
 * @param {object} site
 * @param {typeof fetch} site.fetch
 * @param {(ms: number) => Promise<void>} site.sleep
 * @param {string} site.address
 * @param {string} site.token against forged requests
 * @param {AbortSignal} signal
 * @returns {Promise<Answer>}
 * @throws {NoPreview} or, once the signal says so, its reason
 */
export async function askPreview(source, site, signal) {
  const form = new FormData();
  form.append('dataset_gen', new Blob([source]), 'generator.js'); // As a file: it arrives to the byte.
  const asked = await ask(site, site.address, signal, { method: 'POST', body: form, headers: { 'X-CSRFToken': site.token } });
  if (asked === undefined) throw new NoPreview('The site does not answer. Are you online? Nothing is lost: try again.');
  const { address } = await readBody(asked);
  return waitForAnswer(address, site, signal);
}

async function waitForAnswer(address, site, signal) {
  let silences = 0;
  let waited = 0;
  for (let wait = FIRST_WAIT_MS; waited < GIVE_UP_MS; wait = Math.min(wait * GROWTH, LONGEST_WAIT_MS)) {
    await site.sleep(wait);
    waited += wait;
    signal.throwIfAborted();
    const response = await ask(site, address, signal, {});
    silences = response === undefined || response.status >= 500 ? silences + 1 : 0;
    if (silences > MOST_SILENCES) throw new NoPreview('The site stopped answering. Nothing is lost: try again.');
    if (silences === 0 && response.status !== 202) return readAnswer(await readBody(response));
  }
  throw new NoPreview('The site has not run it yet: it is busy, or its background process is not running. Try again in a while.');
}

async function ask(site, address, signal, options) {
  const headers = { Accept: 'application/json', ...options.headers };
  try {
    return await site.fetch(address, { ...options, headers, signal });
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

async function readBody(response) {
  if (response.status === 401) throw new NoPreview('You have been signed out. Sign in in another tab, then try again.');
  let body;
  try {
    body = await response.json();
  } catch {
    throw new NoPreview(`The site answered with ${response.status}. Try again in a moment.`);
  }
  if (!response.ok) throw new NoPreview(body.detail);
  return body;
}

const readAnswer = (body) => ({ ...body, first: body.first.map(decode64), last: body.last === null ? null : decode64(body.last) });

const decode64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

/**
 * @param {Answer} answer without an error
 * @param {(bytes: number) => string} saySize
 * @returns {string} how many datasets there are and how large, and whether there are more
 */
export function describeAnswer({ count, size_bytes: size, is_lockstep: isLockstep, is_whole: isWhole }, saySize) {
  const datasets = `${count.toLocaleString('en')} dataset${count === 1 ? '' : 's'}`;
  if (isWhole) return `${datasets}, ${saySize(size)} in all${isLockstep ? ', made as volunteers need them' : ''}.`;
  return `Asked for ${datasets} (${saySize(size)}): there are more, perhaps without end. They are made as volunteers need them.`;
}
