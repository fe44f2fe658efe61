// Ages as the page says them.

const STEPS = [['day', 86_400_000], ['hour', 3_600_000], ['minute', 60_000]];

/** @param {number} ms @returns {string} such as "3 minutes ago" */
export function sayAge(ms) {
  for (const [unit, unitMs] of STEPS) {
    const count = Math.floor(ms / unitMs);
    if (count >= 1) return `${count.toLocaleString('en')} ${unit}${count === 1 ? '' : 's'} ago`;
  }
  return 'just now';
}
