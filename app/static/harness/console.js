// The kernel's `console` and `report`: text for the owner, a limited number of lines a second, the rest dropped.

import { cut, shown } from './failure.js';
import { MAX_LINE, MAX_LINES_PER_SECOND, MAX_REPORTS_PER_SECOND, WORKER_LINE, WORKER_REPORT } from './messages.js';
import * as own from './primordials.js';

/**
 * Give the global object a `console` and a `report`.
 * @param {object} global
 * @param {(message: unknown[]) => void} say posts to the embed page
 * @param {() => number} now in ms
 */
export function installConsole(global, say, now) {
  const mayPrint = limited(MAX_LINES_PER_SECOND, now);
  const mayReport = limited(MAX_REPORTS_PER_SECOND, now);
  const printer = (level) => (...values) => {
    if (mayPrint()) say([WORKER_LINE, level, line(values)]);
  };
  own.define(global, 'console', {
    debug: printer('debug'), log: printer('log'), info: printer('info'), warn: printer('warn'), error: printer('error'),
  });
  own.define(global, 'report', (told) => {
    const { progress, note } = told === null || told === undefined ? {} : told;
    if (mayReport()) say([WORKER_REPORT, fraction(progress), note === undefined ? null : cut(shown(note), MAX_LINE)]);
  });
}

function limited(perSecond, now) {
  let windowStart = -Infinity;
  let used = 0;
  return () => {
    const time = now();
    if (time - windowStart >= 1000) {
      windowStart = time;
      used = 0;
    }
    used += 1;
    return used <= perSecond;
  };
}

const fraction = (value) => (typeof value === 'number' && value >= 0 && value <= 1 ? value : null);

function line(values) {
  let text = '';
  for (let i = 0; i < values.length && text.length < MAX_LINE; i += 1) {
    text += (i === 0 ? '' : ' ') + cut(described(values[i]), MAX_LINE);
  }
  return cut(text, MAX_LINE);
}

function described(value) {
  if (typeof value !== 'object' || value === null) return shown(value);
  try {
    if (own.apply(own.objectToString, value, []) === '[object Error]') return `${value.name}: ${value.message}`;
    const json = own.stringify(value);
    return typeof json === 'string' ? json : shown(value);
  } catch {
    return shown(value);
  }
}
