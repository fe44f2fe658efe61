// A button beside every password that shows what was typed; the form hides it again before it is sent.

/** @param {HTMLInputElement} input */
function addToggle(input) {
  const frame = document.createElement('div');
  const button = document.createElement('button');
  frame.className = 'reveal';
  button.type = 'button';
  button.setAttribute('aria-controls', input.id);
  input.replaceWith(frame);
  frame.append(input, button);

  /** @param {boolean} isShown */
  function show(isShown) {
    input.type = isShown ? 'text' : 'password';
    input.spellcheck = false;
    input.autocapitalize = 'off';
    button.textContent = isShown ? 'Hide' : 'Show';
    button.setAttribute('aria-label', isShown ? 'Hide the password' : 'Show the password');
  }

  button.addEventListener('click', () => {
    show(input.type === 'password');
    input.focus();
  });
  // A browser remembers what text fields held, and must not do so with passwords.
  input.form?.addEventListener('submit', () => show(false));
  show(false);
}

for (const input of document.querySelectorAll('input[type=password]')) {
  const hadFocus = input === document.activeElement;
  addToggle(/** @type {HTMLInputElement} */ (input));
  if (hadFocus) input.focus();
}
