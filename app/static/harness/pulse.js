// Notices that the sandbox's process is gone: a browser may end it for its memory's sake, and nothing tells this page.

const EVERY_MS = 2000;
const SILENT_TIMES = 5;

/**
 * Ask the clock, whose worker lives in the sandbox, for an answer again and again.
 * @param {import('./clock.js').Clock} clock
 * @param {() => void} onGone called once, when it has not answered for ten seconds or more
 */
export function watchPulse(clock, onGone) {
  let unanswered = 0;
  const timer = setInterval(() => {
    if (unanswered === SILENT_TIMES) {
      clearInterval(timer);
      onGone();
      return;
    }
    unanswered += 1;
    clock.after(0, () => { unanswered = 0; });
  }, EVERY_MS);
}
