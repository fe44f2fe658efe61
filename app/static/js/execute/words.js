// Sizes and times as the pages say them.

/** @param {number} count @returns {string} */
export const sayBytes = (count) => `${count.toLocaleString('en')} byte${count === 1 ? '' : 's'}`;

/** A size in the unit that suits it, in powers of 1024, as app/wording.py says it. @param {number} count */
export function saySize(count) {
  if (count < 1024) return sayBytes(count);
  const power = Math.min(3, Math.floor(Math.log(count) / Math.log(1024)));
  const value = count / 1024 ** power;
  const shown = value < 1000 ? String(Number(value.toPrecision(3))) : Math.round(value).toLocaleString('en');
  return `${shown} ${['KB', 'MB', 'GB'][power - 1]}`;
}

/** @param {number} ms @returns {string} */
export function sayTime(ms) {
  if (ms < 0.1) return 'less than 0.1 ms';
  if (ms < 1000) return `${Number(ms.toPrecision(3))} ms`;
  return `${Number((ms / 1000).toPrecision(3))} s`;
}

/** @param {{line: number, column: number | undefined}} place @returns {string} */
export const sayPlace = ({ line, column }) => `Line ${line}${column === undefined ? ', its end' : `, column ${column}`}`;
