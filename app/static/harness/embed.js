// The embed page: asks first, then lets this tab take part, and keeps the controls working. It holds the socket.

import { Badge } from './badge.js';
import { createClock } from './clock.js';
import { countCores, isSaving, nameDevice, suggestThreads } from './device.js';
import { openFrame } from './frame.js';
import { ANY_CAMPAIGN } from './messages.js';
import { watchPulse } from './pulse.js';
import { ENDED, SPENT, Volunteer } from './volunteer.js';

const root = document.querySelector('[data-part="badge"]');
const { dataset: facts } = root;
const badge = new Badge(root);
let volunteer;
let sandbox;
let view;
let losses = 0;
// A kernel that has its sandbox ended again and again has had its chances.
const MOST_LOSSES = 3;

prepare();

async function prepare() {
  const cores = countCores();
  badge.offerThreads(cores, suggestThreads({ cores, saving: false }));
  badge.toggle.addEventListener('click', toggle);
  badge.share.addEventListener('change', () => volunteer?.setShare(Number(badge.share.value)));
  badge.threads.addEventListener('change', applyThreads);
  badge.hidden.addEventListener('change', applyThreads);
  document.addEventListener('visibilitychange', applyThreads);
  addEventListener('online', () => volunteer?.connection.hurry());
  addEventListener('pagehide', leave);
  if (await isSaving()) badge.threads.value = String(suggestThreads({ cores, saving: true }));
  badge.toggle.disabled = false;
  if (facts.autostart === 'allowed' && new URLSearchParams(location.search).get('autostart') === '1') startWhenSeen();
}

// Autostart waits until a person can see the badge and its pause button.
function startWhenSeen() {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting) || document.visibilityState !== 'visible') return;
    observer.disconnect();
    if (volunteer === undefined) start();
  }, { threshold: 1 });
  observer.observe(badge.toggle);
}

function toggle() {
  if (volunteer === undefined || [ENDED, SPENT].includes(view?.phase)) start();
  else if (volunteer.paused) volunteer.resume();
  else volunteer.pause();
}

async function start(counts = {}) {
  badge.toggle.disabled = true;
  try {
    sandbox ??= await openSandbox();
    volunteer = makeVolunteer(counts);
    volunteer.start();
  } catch (error) {
    badge.fail(`This browser cannot take part: ${error.message}.`);
  }
  badge.toggle.disabled = false;
}

// One frame and one timer worker serve the page for as long as they live.
async function openSandbox() {
  const frame = await openFrame(facts.innerUrl);
  const clock = createClock(frame.spawnTimer());
  watchPulse(clock, loseSandbox);
  return { frame, clock };
}

// The browser has ended the sandbox's process: this page goes on in a new one.
function loseSandbox() {
  const wasWorking = volunteer !== undefined && !volunteer.paused && ![ENDED, SPENT].includes(view?.phase);
  sandbox.frame.close();
  sandbox = undefined;
  losses += 1;
  volunteer?.lose('the browser ended the sandbox, perhaps because it used too much memory');
  if (wasWorking && losses < MOST_LOSSES) start({ done: view.done, failed: view.failed });
  else badge.fail('Stopped: the browser ended the computation, perhaps because it used too much memory.');
}

function makeVolunteer(counts) {
  return new Volunteer({
    ...sandbox,
    counts,
    url: facts.socketUrl,
    campaignId: facts.campaignId === '' ? ANY_CAMPAIGN : Number(facts.campaignId),
    threads: chosenThreads(),
    share: Number(badge.share.value),
    device: nameDevice(),
    random: Math.random,
    openSocket: (url) => new WebSocket(url),
  }, (shown) => {
    view = shown;
    badge.show(shown);
  });
}

function chosenThreads() {
  return badge.hidden.checked && document.hidden ? 1 : Number(badge.threads.value);
}

function applyThreads() {
  volunteer?.setThreads(chosenThreads());
}

// A page that may come back from the browser's cache reconnects by itself; one that goes for good says so.
function leave(event) {
  if (!event.persisted) volunteer?.end({});
}
