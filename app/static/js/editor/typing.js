// Text typed over a selection. The browser would keep the look of what it replaces by an inline style, which the page's
// policy refuses and reports; so the editor replaces it by itself.

import { EditorView } from '@codemirror/view';

export const typeOverSelection = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { main, ranges } = view.state.selection;
    const isTyped = event.inputType === 'insertText' && event.data !== null && event.cancelable;
    if (!isTyped || main.empty || ranges.length > 1 || view.composing) return false;
    event.preventDefault();
    insert(view, main, event.data);
    return true;
  },
});

// As the editor itself treats what was typed: whoever closes brackets is asked first.
function insert(view, { from, to }, text) {
  const change = () => view.state.update(view.state.replaceSelection(text), { userEvent: 'input.type', scrollIntoView: true });
  const isHandled = view.state.facet(EditorView.inputHandler).some((handle) => handle(view, from, to, text, change));
  if (!isHandled) view.dispatch(change());
}
