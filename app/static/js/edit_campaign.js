// The page on which a campaign is edited: its kernel in a code editor, which marks what does not parse.

import { createSandbox } from './execute/sandbox.js';
import { findSlip, loadKernel } from './editor/check.js';
import { Code } from './editor/code.js';

const { nonce } = document.currentScript;
const openSandbox = createSandbox(document.querySelector('main').dataset.innerUrl);
const sloppy = document.querySelector('input[type=checkbox][name=sloppy]');
const nothing = () => {};

const check = (source) =>
  findSlip((kernel) => loadKernel(openSandbox, kernel, sloppy.checked), source).catch(nothing);

document.getElementById('keys').hidden = false;
for (const area of document.querySelectorAll('[data-editor]')) {
  const code = new Code(area, { nonce, check, onRun: nothing, onChange: nothing });
  sloppy.addEventListener('change', () => code.checkAgain());
}
