// Which bracket of a source that does not parse is the wrong one. The engine says only where it noticed.

const CLOSERS = new Map([['(', ')'], ['[', ']'], ['{', '}'], ['${', '}']]);
const isCloser = (text) => text === ')' || text === ']' || text === '}';

/**
 * @typedef {object} Token
 * @property {string} text
 * @property {number} from
 * @property {number} to
 */

/**
 * @typedef {object} Fault
 * @property {'open' | 'extra' | 'early'} kind open: `token` is never closed; extra: it closes nothing; early: it closes
 *   `opener`, which does not look like its own
 * @property {Token} token
 * @property {Token} [opener]
 */

/**
 * @param {Token[]} tokens without texts and comments
 * @param {string} source
 * @returns {Fault | undefined} nothing: all brackets have their counterparts
 */
export function findBracketFault(tokens, source) {
  const stack = [];
  let doubt;
  for (const [place, token] of tokens.entries()) {
    const top = stack.at(-1);
    if (CLOSERS.has(token.text)) stack.push(token);
    else if (isCloser(token.text) && top !== undefined && CLOSERS.get(top.text) === token.text) {
      stack.pop();
      doubt ??= doubtPair(top, token, source);
    } else if (isCloser(token.text)) return doubt ?? judge(tokens, place, stack);
  }
  return stack.length === 0 ? undefined : doubt ?? { kind: 'open', token: stack.at(-1) };
}

// People align the bracket that closes a block with the line that opens it. A pair that does not stand so belongs, as a
// rule, to two blocks, one of which lacks its counterpart.
function doubtPair(opener, closer, source) {
  const [inner, outer] = [indentOf(source, closer.from), indentOf(source, opener.from)];
  const isFirst = source.slice(0, closer.from).search(/(?:^|[\n\r])[ \t]*$/) >= 0;
  if (!isFirst || inner === outer || source.slice(opener.from, closer.from).search(/[\n\r]/) < 0) return undefined;
  return inner < outer ? { kind: 'open', token: opener } : { kind: 'early', token: closer, opener };
}

function indentOf(source, at) {
  const start = Math.max(source.lastIndexOf('\n', at - 1), source.lastIndexOf('\r', at - 1)) + 1;
  return /^[ \t]*/.exec(source.slice(start))[0].length;
}

// Either this bracket is one too many, or one before it lacks its own: whichever leaves fewer faults in what follows.
function judge(tokens, place, stack) {
  const { [place]: token } = tokens;
  const depth = stack.findLastIndex(({ text }) => CLOSERS.get(text) === token.text);
  const rest = tokens.slice(place + 1);
  const isExtra = depth < 0 || 1 + countFaults(rest, stack) < stack.length - 1 - depth + countFaults(rest, stack.slice(0, depth));
  return isExtra ? { kind: 'extra', token } : { kind: 'open', token: stack.at(-1) };
}

function countFaults(tokens, given) {
  const stack = [...given];
  let count = 0;
  for (const { text } of tokens) {
    if (CLOSERS.has(text)) stack.push({ text });
    if (!isCloser(text)) continue;
    const depth = stack.findLastIndex((open) => CLOSERS.get(open.text) === text);
    count += depth < 0 ? 1 : stack.length - 1 - depth;
    if (depth >= 0) stack.length = depth;
  }
  return count + stack.length;
}
