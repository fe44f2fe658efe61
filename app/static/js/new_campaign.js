// The upload form: says at once when a chosen file is too large, and lets a chosen file be dropped again.

/** @param {number} bytes @returns {string} */
function sayBytes(bytes) {
  return `${bytes.toLocaleString('en')} bytes`;
}

/** @param {HTMLInputElement} input */
function checkFile(input) {
  const file = input.files[0];
  const limit = Number(input.dataset.maxBytes);
  const tooLarge = Boolean(file) && file.size > limit;
  const message = tooLarge ? `${file.name} has ${sayBytes(file.size)}; the limit is ${sayBytes(limit)}.` : '';
  const shown = document.getElementById(`${input.id}-error`);
  shown.textContent = message;
  shown.hidden = !message;
  input.setCustomValidity(message);
  input.setAttribute('aria-invalid', String(tooLarge));
  document.querySelector(`[data-clear="${input.id}"]`).hidden = !file;
}

for (const input of document.querySelectorAll('input[type=file]')) {
  input.addEventListener('change', () => checkFile(input));
}

for (const button of document.querySelectorAll('[data-clear]')) {
  button.addEventListener('click', () => {
    const input = document.getElementById(button.dataset.clear);
    input.value = '';
    checkFile(input);
    input.focus();
  });
}
