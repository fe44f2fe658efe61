// Where a source does not parse. Engines keep that out of the error, but put it into the event of an uncaught one.

import * as own from './primordials.js';

const { reportError, ErrorEvent } = globalThis;
const { addEventListener, removeEventListener } = EventTarget.prototype;
const { preventDefault } = Event.prototype;
const readLine = ErrorEvent && own.getOwnPropertyDescriptor(ErrorEvent.prototype, 'lineno').get;
const readColumn = ErrorEvent && own.getOwnPropertyDescriptor(ErrorEvent.prototype, 'colno').get;

/**
 * Give a SyntaxError that `eval` threw a stack that says where in the source it is.
 * @param {Error} failure
 * @param {string} file what the source is called
 * @returns {Error} the same; unchanged where the engine does not tell
 */
export function locate(failure, file) {
  let place = '';
  const listener = (event) => {
    own.apply(preventDefault, event, []);
    place = `${file}:${own.apply(readLine, event, [])}:${own.apply(readColumn, event, [])}`;
  };
  if (ErrorEvent === undefined || reportError === undefined) return failure;
  own.apply(addEventListener, globalThis, ['error', listener]);
  own.apply(reportError, globalThis, [failure]);
  own.apply(removeEventListener, globalThis, ['error', listener]);
  if (place !== '') own.define(failure, 'stack', `${failure.name}: ${failure.message}\n    at ${place}`);
  return failure;
}
