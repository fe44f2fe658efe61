// Moments in the reader's own time: relative words that stay true, and the whole date in the reader's zone as the title.

const STEPS = [[60, 'second', 1], [3600, 'minute', 60], [86_400, 'hour', 3600], [30 * 86_400, 'day', 86_400]];
const REFRESH_MS = 10_000;
const DATE = { day: 'numeric', month: 'short', year: 'numeric' };
const CLOCK = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZoneName: 'short' };
// British order, since "6/7" and "Jun 7" are read differently; the zone is the browser's.
const whole = new Intl.DateTimeFormat('en-GB', { ...DATE, ...CLOCK });
const day = new Intl.DateTimeFormat('en-GB', DATE);

/** The words of app/wording.py. @param {Date} moment @returns {string} */
function ago(moment) {
  const age = (Date.now() - moment.getTime()) / 1000;
  if (age < 5) return 'just now';
  const [, unit, seconds] = STEPS.find(([limit]) => age < limit) ?? [];
  if (!unit) return day.format(moment);
  const count = Math.floor(age / seconds);
  return `${count} ${unit}${count === 1 ? '' : 's'} ago`;
}

/** @param {HTMLTimeElement} element */
function tell(element) {
  const moment = new Date(element.dateTime);
  if (Number.isNaN(moment.getTime())) return;
  const [title, words] = [whole.format(moment), ago(moment)];
  if (element.title !== title) element.title = title;
  if ('ago' in element.dataset && element.textContent !== words) element.textContent = words;
}

function tellAll() {
  if (!document.hidden) document.querySelectorAll('time[datetime]').forEach(tell);
}

/** Tell the times of the page, and of what is put into it later. */
export function keepTimes() {
  tellAll();
  setInterval(tellAll, REFRESH_MS);
  document.addEventListener('visibilitychange', tellAll);
  const observer = new MutationObserver((changes) => {
    if (changes.some(({ addedNodes }) => [...addedNodes].some((node) => node.querySelector?.('time')))) tellAll();
  });
  observer.observe(document.body, { childList: true, subtree: true });
}
