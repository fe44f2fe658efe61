// How long a campaign would take: its datasets times the time of one, shared by the volunteers' threads.

const UNITS = [
  ['year', 365.25 * 86_400_000], ['month', 30.44 * 86_400_000], ['day', 86_400_000], ['hour', 3_600_000],
  ['minute', 60_000], ['second', 1000],
];
// A dataset costs this much beside its computing: it is fetched, decoded and stored.
const LEAST_MS = 0.05;

/**
 * @param {{datasets: number, msPerDataset: number, volunteers: number, threads: number}} facts
 * @returns {number} in ms; a thread computes whole datasets, so that it is never less than the time of one
 */
export function estimateMs({ datasets, msPerDataset, volunteers, threads }) {
  return Math.ceil(datasets / (volunteers * threads)) * Math.max(msPerDataset, LEAST_MS);
}

/** @param {number} ms @returns {string} such as "about 3 hours"; no more digits than an estimate has */
export function sayAbout(ms) {
  for (const [unit, unitMs] of UNITS) {
    const count = ms / unitMs;
    if (count < 1) continue;
    const shown = count < 9.5 ? Number(count.toPrecision(2)) : Math.round(Number(count.toPrecision(2)));
    return `about ${shown.toLocaleString('en')} ${unit}${shown === 1 ? '' : 's'}`;
  }
  return 'less than a second';
}

/**
 * @param {{datasets: number, isWhole: boolean, msPerDataset: number, runs: number, volunteers: number,
 *   threads: number}} facts
 * @returns {{answer: string, basis: string}} two sentences: how long, and what that rests on
 */
export function sayEstimate(facts) {
  const { datasets, isWhole, runs, volunteers, threads } = facts;
  const time = sayAbout(estimateMs(facts));
  const helpers = `${count(volunteers, 'volunteer')} of ${count(threads, 'thread')} each`;
  const first = isWhole ? 'The whole campaign' : `The first ${count(datasets, 'dataset')}`;
  const seen = runs === 1 ? 'one dataset that ran' : `${runs} datasets that ran`;
  return {
    answer: `${first}: ${time} with ${helpers}.`,
    basis: `An estimate from the ${seen} in this browser. Other datasets and other devices differ.`,
  };
}

const count = (number, noun) => `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
