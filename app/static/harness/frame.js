// The embed page's end of the inner frame: makes the frame, and has it make and end workers.

import {
  FRAME_KILL, FRAME_OPEN, FRAME_READY, FRAME_SPAWN_TIMER, FRAME_SPAWN_WORKER, FRAME_WORKER_FAILED,
} from './messages.js';

const OPENING_LIMIT_MS = 20_000;

/**
 * @typedef {object} Frame
 * @property {() => MessagePort} spawnTimer
 * @property {() => void} close
 * @property {(onFailed: (text: string) => void) => {port: MessagePort, kill: () => void}} spawnWorker
 */

/**
 * Open the sandboxed frame in this page.
 * @param {string} address
 * @returns {Promise<Frame>} rejects when the frame does not answer
 */
export function openFrame(address) {
  return new Promise((resolve, reject) => {
    const element = document.createElement('iframe');
    element.setAttribute('sandbox', 'allow-scripts');
    element.setAttribute('aria-hidden', 'true');
    element.tabIndex = -1;
    element.className = 'inner';
    element.src = address;
    element.addEventListener('load', () => connect(element).then(resolve));
    setTimeout(() => reject(new Error('the sandbox did not start')), OPENING_LIMIT_MS);
    document.body.append(element);
  });
}

function connect(element) {
  const { port1, port2 } = new MessageChannel();
  // The frame's origin is opaque, so that no target origin can name it; it is the only page that may load there.
  element.contentWindow.postMessage(FRAME_OPEN, '*', [port2]);
  return new Promise((resolve) => {
    const frame = { ...createFrame(port1, () => resolve(frame)), close: () => element.remove() };
  });
}

function createFrame(port, onReady) {
  const failures = new Map();
  let lastId = 0;
  port.onmessage = ({ data: [name, id, text] }) => {
    if (name === FRAME_READY) onReady();
    else if (name === FRAME_WORKER_FAILED) failures.get(id)?.(text);
  };
  const spawn = (name, id) => {
    const channel = new MessageChannel();
    port.postMessage([name, id], [channel.port2]);
    return channel.port1;
  };
  return {
    spawnTimer: () => spawn(FRAME_SPAWN_TIMER),
    spawnWorker(onFailed) {
      const id = (lastId += 1);
      failures.set(id, onFailed);
      const kill = () => {
        failures.delete(id);
        port.postMessage([FRAME_KILL, id]);
      };
      return { port: spawn(FRAME_SPAWN_WORKER, id), kill };
    },
  };
}
