// The three sources of a campaign on the page: two that are edited as code, and the static dataset, a file or a text.

import { saySize } from '../execute/words.js';
import { Code } from './code.js';
import { takeDrops } from './drop.js';
import { findLineEnds, readText, withLineEnds } from './files.js';

// What a draft calls them.
const [FILE_NAME, FILE_TEXT] = ['static_dataset_file_name', 'static_dataset_file'];

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
    this.code.open(text);
    this.tell(`${file.name} was opened (${saySize(file.size)}${findLineEnds(text) === '' ? '' : '; its line ends stay CRLF'}).`);
    this.code.view.focus();
  }
}

/** The static dataset: typed as text, or kept as a file, which is never put into the page. */
export class StaticSource extends Source {
  /** @param {HTMLElement} fieldset @param {() => void} onChange */
  constructor(fieldset, onChange) {
    super(fieldset);
    this.onChange = onChange;
    this.ends = this.area.form.elements.static_dataset_line_ends;
    this.removal = fieldset.querySelector('[data-clear]');
    this.input.addEventListener('change', () => this.take(this.input.files[0]));
    this.removal.addEventListener('click', () => {
      this.clearFile();
      this.area.focus();
    });
    this.area.addEventListener('input', () => {
      this.missing = undefined;
      this.refuse('');
      onChange();
    });
    if (this.input.files.length > 0) this.take(this.input.files[0]); // A browser that went back has it still.
  }

  get text() {
    return this.fileText ?? withLineEnds(this.area.value, this.ends);
  }

  set text(text) {
    this.clearFile();
    this.area.value = text;
    this.onChange();
  }

  get hasFile() {
    return this.fileText !== undefined;
  }

  /** What a draft keeps of the file. @returns {Record<string, string>} nothing: there is none */
  readFile() {
    if (this.hasFile) return { [FILE_NAME]: this.input.files[0].name, [FILE_TEXT]: this.fileText };
    return this.missing === undefined ? {} : { [FILE_NAME]: this.missing };
  }

  /**
   * Bring back the file of a draft, or say that it must be chosen again.
   * @param {Record<string, string>} fields of the draft
   * @returns {string | undefined} the name of a file that is missing
   */
  restoreFile({ [FILE_NAME]: name, [FILE_TEXT]: text }) {
    if (name === undefined) return undefined;
    if (text !== undefined) {
      this.keep(new File([text], name), text);
      return undefined;
    }
    this.missing = name;
    this.refuse(`${name} was too large to be kept in the draft. Choose it again.`);
    return name;
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
    this.missing = undefined;
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
    this.missing = undefined;
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
