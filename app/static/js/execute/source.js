// The view of the kernel's source, a row for each line, and the mark on the line of an error.

const WORD = /^(?:[\p{ID_Continue}$]+|.)/u;

export class SourceView {
  /** @param {HTMLElement} pane that scrolls, with the rows in it */
  constructor(pane) {
    this.pane = pane;
    this.rows = pane.querySelectorAll('.row');
  }

  get lineCount() {
    return this.rows.length;
  }

  focus() {
    this.pane.focus();
  }

  /** Take the mark away. */
  clear() {
    const row = this.marked;
    this.marked = undefined;
    if (row === undefined) return;
    row.classList.remove('marked');
    row.removeAttribute('aria-current');
    row.replaceChildren(row.textContent); // The mark's element goes, its text stays.
  }

  /** Mark a place and bring it into view. @param {{line: number, column: number | undefined}} place from 1 */
  mark({ line, column }) {
    this.clear();
    const row = this.rows[line - 1];
    this.marked = row;
    row.classList.add('marked');
    row.setAttribute('aria-current', 'true');
    const word = column === undefined ? undefined : markWord(row, column - 1);
    this.reveal(row, word);
  }

  // Within the pane the line goes to the middle; the page itself moves no more than it must.
  reveal(row, word) {
    const { pane } = this;
    const [frame, target] = [pane.getBoundingClientRect(), (word ?? row).getBoundingClientRect()];
    pane.scrollTop += target.top - frame.top - (pane.clientHeight - target.height) / 2;
    if (word === undefined) pane.scrollLeft = 0;
    else if (target.left < frame.left || target.right > frame.left + pane.clientWidth) {
      pane.scrollLeft += target.left - frame.left - pane.clientWidth / 2;
    }
    const { top, bottom } = row.getBoundingClientRect();
    if (top < 0 || bottom > innerHeight) pane.scrollIntoView({ block: 'nearest' });
  }
}

function markWord(row, start) {
  const text = row.textContent;
  const word = WORD.exec(text.slice(start))?.[0];
  if (word === undefined) return undefined;
  const mark = document.createElement('mark');
  mark.textContent = word;
  row.replaceChildren(text.slice(0, start), mark, text.slice(start + word.length));
  return mark;
}
