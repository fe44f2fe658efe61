// What the Tab key does: it indents for whoever edits, and goes on for whoever only passes by on the way through the
// page. Escape, then Tab leaves in either case, which the editor sees to by itself.

import { EditorView } from '@codemirror/view';

export const tabbing = [
  EditorView.domEventHandlers({
    focus: (_event, view) => { view.setTabFocusMode(true); },
    mousedown: (_event, view) => { setTimeout(() => view.setTabFocusMode(false)); }, // after the focus that it brings
  }),
  EditorView.updateListener.of(({ docChanged, view }) => {
    if (docChanged) view.setTabFocusMode(false);
  }),
];
