// The three sources of a campaign on the page: two that are edited as code, and the static dataset, a file or a text.

import { saySize } from '../execute/words.js';
import { Code } from './code.js';
import { takeDrops } from './drop.js';
import { readText } from './files.js';

/** What a source is made of: one fieldset of the form. */
class Source {
  /** @param {HTMLElement} fieldset */
  constructor(fieldset) {
    this.fieldset = fieldset;
    this.name = fieldset.dataset.source;
    this.area = fieldset.querySelector('textarea');
    this.input = fieldset.querySelector('input[type=file]');
    this.error = fieldset.querySelector('.field-error');
    this.told = fieldset.querySelector('.told');
    this.maxBytes = Number(this.input.dataset.maxBytes);
    fieldset.classList.add('enhanced');
    takeDrops(fieldset, (file) => this.take(file));
  }

  /** @param {string} text a reason why a file was not taken; nothing: all is well */
  refuse(text) {
    this.error.textContent = text;
    this.error.hidden = text === '';
    this.fieldset.classList.toggle('wrong', text !== '');
    if (text !== '') this.tell('');
  }

  tell(text) {
    this.told.textContent = text;
  }

  /** @param {File} file */
  async take(file) {
    try {
      const text = await readText(file, this.maxBytes);
      this.refuse('');
      this.keep(file, text);
    } catch (error) {
      this.input.value = '';
      this.refuse(error.message);
      this.whenRefused();
    }
  }

  whenRefused() {}
}

/** The kernel, or the dataset generator: a file's text goes into the editor, and the editor's into the form. */
export class CodeSource extends Source {
  /** @param {HTMLElement} fieldset @param {import('./code.js').CodeOptions} options */
  constructor(fieldset, options) {
    super(fieldset);
    this.code = new Code(this.area, options);
    this.input.addEventListener('change', () => {
      if (this.input.files.length > 0) this.take(this.input.files[0]);
    });
    // The error summary leads to the file's control.
    document.querySelector(`.notice a[href="#${this.input.id}"]`)?.addEventListener('click', (event) => {
      event.preventDefault();
      this.code.focus();
    });
  }

  get text() {
    return this.code.text;
  }

  set text(text) {
    this.code.text = text;
  }

  keep(file, text) {
    this.input.value = ''; // What is sent is the editor's text, once.
    this.code.text = text;
    this.tell(`${file.name} was opened (${saySize(file.size)}).`);
    this.code.view.focus();
  }
}

/** The static dataset: typed as text, or kept as a file, which is never put into the page. */
export class StaticSource extends Source {
  /** @param {HTMLElement} fieldset @param {() => void} onChange */
  constructor(fieldset, onChange) {
    super(fieldset);
    this.onChange = onChange;
    this.removal = fieldset.querySelector('[data-clear]');
    this.input.addEventListener('change', () => this.take(this.input.files[0]));
    this.removal.addEventListener('click', () => {
      this.clearFile();
      this.area.focus();
    });
    this.area.addEventListener('input', onChange);
    if (this.input.files.length > 0) this.take(this.input.files[0]); // A browser that went back has it still.
  }

  get text() {
    return this.fileText ?? this.area.value;
  }

  set text(text) {
    this.clearFile();
    this.area.value = text;
    this.onChange();
  }

  take(file) {
    return file === undefined ? this.clearFile() : super.take(file);
  }

  keep(file, text) {
    if (this.input.files[0] !== file) {
      const transfer = new DataTransfer();
      transfer.items.add(file);
      this.input.files = transfer.files;
    }
    this.fileText = text;
    this.setArea(false);
    this.tell(`${file.name}, ${saySize(file.size)}. It is kept as a file and sent as it is.`);
    this.onChange();
  }

  // The text that was typed stays, for when the file is taken away again; it is not sent with the file.
  setArea(isUsed) {
    this.area.disabled = !isUsed;
    this.area.hidden = !isUsed;
    this.removal.hidden = isUsed;
  }

  clearFile() {
    this.input.value = '';
    this.fileText = undefined;
    this.setArea(true);
    this.tell('');
    this.refuse('');
    this.onChange();
  }

  whenRefused() {
    this.fileText = undefined;
    this.setArea(true);
    this.onChange();
  }
}
