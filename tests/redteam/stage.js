// Somebody else's page: shows the embeds that it is told to, and tells what it noticed of them.
'use strict';
const LOOK_EVERY_MS = 20;
const TELL_EVERY_MS = 80;
const room = document.getElementById('room');
const knitting = document.getElementById('knitting');
let shown = -1;
let noticed;

function forget() {
  noticed = { messages: [], moods: [], samples: 0, elapsedMs: 0, waitedMs: 0, worstMs: 0 };
}

function notice(kind) {
  noticed.moods.push(kind);
}

addEventListener('message', (event) => {
  let text = String(event.data);
  try { text = JSON.stringify(event.data); } catch { /* its text will do */ }
  noticed.messages.push(`${event.origin}: ${text}`.slice(0, 200));
});
addEventListener('pagehide', () => notice('left'));
document.addEventListener('fullscreenchange', () => notice('fullscreen'));
document.addEventListener('pointerlockchange', () => notice('pointer lock'));
document.addEventListener('focusin', (event) => { if (event.target !== knitting) notice('focus moved'); });

// How long an event would have to wait here that comes at any moment: of a delay of t ms, t/2 for t of the time.
let due = performance.now() + LOOK_EVERY_MS;
function look() {
  const now = performance.now();
  const late = Math.max(0, now - due);
  noticed.samples += 1;
  noticed.elapsedMs += late + LOOK_EVERY_MS;
  noticed.waitedMs += (late * late) / 2;
  noticed.worstMs = Math.max(noticed.worstMs, late);
  if (document.activeElement !== knitting) notice('focus stolen');
  due = performance.now() + LOOK_EVERY_MS;
  setTimeout(look, LOOK_EVERY_MS);
}

function show({ generation, frames, away }) {
  if (generation !== shown) {
    room.replaceChildren(...frames.map(makeFrame));
    shown = generation;
    forget();
  }
  scrollTo(0, away ? document.documentElement.scrollHeight : 0);
}

function makeFrame({ src, sandbox }) {
  const frame = document.createElement('iframe');
  if (sandbox !== null) frame.setAttribute('sandbox', sandbox);
  Object.assign(frame, { src, width: 400, height: 180 });
  return frame;
}

async function tell() {
  const told = { generation: shown, isolated: self.crossOriginIsolated, scrolled: scrollY > innerHeight, ...noticed };
  try {
    const answer = await fetch('tell', { method: 'POST', body: JSON.stringify(told) });
    show(await answer.json());
  } catch { /* the test is over */ }
  setTimeout(tell, TELL_EVERY_MS);
}

knitting.focus();
forget();
look();
tell();
