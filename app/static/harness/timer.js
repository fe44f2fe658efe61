// A worker that only keeps time: a page's own timers fall to one a second or a minute when it is hidden.

import { TIMER_SET } from './messages.js';

globalThis.addEventListener('message', (opening) => {
  const [port] = opening.ports;
  port.onmessage = ({ data: [name, id, ms] }) => {
    if (name === TIMER_SET) setTimeout(() => port.postMessage(id), ms);
  };
});
