// A code editor in the place of a text area, which stays what the form sends.

import { closeBrackets, closeBracketsKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { javascript } from '@codemirror/lang-javascript';
import { bracketMatching, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { diagnosticCount, forceLinting, forEachDiagnostic, lintGutter, linter, lintKeymap } from '@codemirror/lint';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { EditorSelection, EditorState } from '@codemirror/state';
import {
  drawSelection, EditorView, highlightActiveLine, highlightSpecialChars, keymap, lineNumbers, placeholder, tooltips,
} from '@codemirror/view';
import { classHighlighter } from '@lezer/highlight';
import { clearFault, faultField, markFault } from './fault.js';
import { findLineEnds, withLineEnds } from './files.js';
import { tabbing } from './tabbing.js';
import { typeOverSelection } from './typing.js';

// How long somebody has stopped typing before the source is looked at.
const CHECK_AFTER_MS = 600;

/**
 * @typedef {object} CodeOptions
 * @property {string} nonce that styles need
 * @property {() => void} onChange
 * @property {() => void} onRun Ctrl+Enter
 * @property {(source: string) => Promise<{message: string, line: number, column: number | undefined} | undefined>} check
 */

export class Code {
  /**
   * @param {HTMLTextAreaElement} area
   * @param {CodeOptions} options
   */
  constructor(area, options) {
    this.area = area;
    this.ends = area.form.elements[area.name.replace(/_text$/, '_line_ends')];
    const extensions = listExtensions(area, options, () => this.write());
    this.view = new EditorView({ state: EditorState.create({ doc: area.value, extensions }) });
    area.after(this.view.dom);
    area.hidden = true;
    if (area.autofocus) this.view.focus();
  }

  // What is sent: a text area holds every line end as LF, so that a field beside it says which the file had.
  get text() {
    return withLineEnds(this.view.state.doc.toString(), this.ends);
  }

  set text(text) {
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text }, selection: { anchor: 0 } });
    this.view.scrollDOM.scrollTop = 0;
  }

  /** Take a file's text, and keep the line ends that most of its lines have. @param {string} text */
  open(text) {
    this.ends.value = findLineEnds(text);
    this.text = text;
  }

  // The text area holds at every moment what the form would send.
  write() {
    this.area.value = this.view.state.doc.toString();
  }

  get lineCount() {
    return this.view.state.doc.lines;
  }

  clear() {
    this.view.dispatch({ effects: clearFault.of(null) });
  }

  /** Mark a place, and bring it into view. @param {{line: number, column: number | undefined}} place from 1 */
  mark({ line, column }) {
    const found = this.view.state.doc.line(Math.min(line, this.lineCount));
    const at = Math.min(found.from + (column ?? 1) - 1, found.to);
    this.place = { anchor: column === undefined ? found.to : at };
    this.view.dispatch({
      effects: [
        markFault.of({ line: found.from, at: column === undefined ? undefined : at }),
        EditorView.scrollIntoView(at, { y: 'center' }),
      ],
    });
    if (!isInSight(this.view.dom)) this.view.dom.scrollIntoView({ block: 'nearest' });
  }

  /** Go to the marked place, or, without one, to where the cursor was. */
  focus() {
    this.view.focus();
    if (this.place !== undefined) {
      const anchor = Math.min(this.place.anchor, this.view.state.doc.length);
      this.view.dispatch({ selection: EditorSelection.cursor(anchor), scrollIntoView: true });
    }
  }

  /** Whether what was looked at last does not parse. */
  get hasSlip() {
    return diagnosticCount(this.view.state) > 0;
  }

  /** Go to the first slip that was found. @returns {string} what it says, and of which line */
  focusSlip() {
    const slips = [];
    forEachDiagnostic(this.view.state, ({ message }, from) => slips.push({ message, from }));
    const [{ message, from }] = slips;
    this.view.focus();
    this.view.dispatch({ selection: EditorSelection.cursor(from), scrollIntoView: true });
    return `Line ${this.view.state.doc.lineAt(from).number}: ${message}.`.replace(/([.?])\.$/, '$1');
  }

  /** Look at the source once more: how it is run has changed. */
  checkAgain() {
    forceLinting(this.view);
  }
}

function isInSight(element) {
  const { top, bottom } = element.getBoundingClientRect();
  return top >= 0 && bottom <= innerHeight;
}

function listExtensions(area, { nonce, onChange, onRun, check }, write) {
  return [
    lineNumbers(), history(), drawSelection(), highlightSpecialChars(), highlightActiveLine(), indentOnInput(),
    bracketMatching(), closeBrackets(), highlightSelectionMatches(), search({ top: true }), faultField, typeOverSelection, tabbing,
    javascript(), syntaxHighlighting(classHighlighter), lintGutter(), tooltips({ position: 'absolute' }),
    linter((view) => diagnose(view.state.doc, check), { delay: CHECK_AFTER_MS }),
    keymap.of([{ key: 'Mod-Enter', run: () => (onRun(), true), preventDefault: true }]),
    keymap.of([...closeBracketsKeymap, ...searchKeymap, ...historyKeymap, ...lintKeymap, ...defaultKeymap, indentWithTab]),
    EditorView.cspNonce.of(nonce),
    EditorView.contentAttributes.of(describeArea(area)),
    EditorView.updateListener.of((update) => {
      if (!update.docChanged) return;
      write();
      onChange();
    }),
    placeholder(area.placeholder),
  ];
}

// What the text area is called, and what is said about it, holds for the editor. Not every program that reads pages to
// people knows that text that can be edited can have the focus: tabindex says so.
const describeArea = (area) => ({
  tabindex: '0',
  'aria-label': area.getAttribute('aria-label'),
  'aria-describedby': `${area.getAttribute('aria-describedby') ?? ''} keys`.trim(),
  'aria-invalid': area.getAttribute('aria-invalid') ?? 'false',
});

async function diagnose(doc, check) {
  if (doc.length === 0) return [];
  const slip = await check(doc.toString());
  if (slip === undefined) return [];
  const { from, to } = doc.line(Math.min(slip.line, doc.lines));
  const start = slip.column === undefined ? to : Math.min(from + slip.column - 1, to);
  return [{ from: start, to: Math.min(start + 1, to), severity: 'error', message: slip.message }];
}
