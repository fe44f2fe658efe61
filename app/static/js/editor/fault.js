// The mark on the line where a run went wrong. It goes with the line while others change, and when that one does.

import { StateEffect, StateField } from '@codemirror/state';
import { Decoration, EditorView } from '@codemirror/view';

/** @type {import('@codemirror/state').StateEffectType<{line: number, at: number | undefined}>} positions */
export const markFault = StateEffect.define();
export const clearFault = StateEffect.define();

const WORD = /^(?:[\p{ID_Continue}$]+|.)/u;
const onLine = Decoration.line({ class: 'cm-fault', attributes: { 'aria-current': 'true' } });
const onWord = Decoration.mark({ class: 'cm-fault-word' });

export const faultField = StateField.define({
  create: () => Decoration.none,
  update(marks, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(clearFault)) return Decoration.none;
      if (effect.is(markFault)) return makeMarks(transaction.state.doc, effect.value);
    }
    if (!transaction.docChanged || marks === Decoration.none) return marks;
    return isTouched(marks, transaction) ? Decoration.none : marks.map(transaction.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

function makeMarks(doc, { line, at }) {
  const marks = [onLine.range(line)];
  const word = at === undefined ? undefined : WORD.exec(doc.sliceString(at, doc.lineAt(at).to))?.[0];
  if (word !== undefined) marks.push(onWord.range(at, at + word.length));
  return Decoration.set(marks);
}

function isTouched(marks, { startState, changes }) {
  const { from, to } = startState.doc.lineAt(marks.iter().from);
  return changes.touchesRange(from, to) !== false;
}
