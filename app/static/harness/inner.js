// The sandboxed frame: an opaque origin without network. It makes workers, hands each the port that came for it, and
// ends them. No kernel runs in this window, and no data passes through it.

import bootstrapSource from 'worker:./bootstrap.js';
import timerSource from 'worker:./timer.js';
import {
  FRAME_KILL, FRAME_OPEN, FRAME_READY, FRAME_SPAWN_TIMER, FRAME_SPAWN_WORKER, FRAME_WORKER_FAILED,
} from './messages.js';

/** @type {Map<number, Worker>} */
const workers = new Map();
const addressOf = (source) => URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
const bootstrapAddress = addressOf(bootstrapSource);
const timerAddress = addressOf(timerSource);

addEventListener('message', function open(event) {
  if (event.source !== parent || parent === window || event.data !== FRAME_OPEN || event.ports.length !== 1) return;
  removeEventListener('message', open);
  serve(event.ports[0]);
});

/** @param {MessagePort} page */
function serve(page) {
  page.onmessage = ({ data: [name, id], ports: [port] }) => {
    if (name === FRAME_SPAWN_TIMER) new Worker(timerAddress).postMessage(null, [port]);
    else if (name === FRAME_SPAWN_WORKER) spawn(page, id, port);
    else if (name === FRAME_KILL) kill(id);
  };
  page.postMessage([FRAME_READY]);
}

function spawn(page, id, port) {
  const worker = new Worker(bootstrapAddress);
  const failed = (text) => page.postMessage([FRAME_WORKER_FAILED, id, text]);
  worker.onerror = (event) => {
    event.preventDefault();
    failed(event.message || 'the worker stopped');
  };
  // A worker speaks through its port alone.
  worker.onmessage = worker.onmessageerror = () => failed('the worker spoke out of turn');
  worker.postMessage(null, [port]);
  workers.set(id, worker);
}

function kill(id) {
  workers.get(id)?.terminate();
  workers.delete(id);
}
