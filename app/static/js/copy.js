// Buttons that copy: <button data-copy="id of the text" hidden>, and beside it <span role="status" data-copied></span>.

const SAID_MS = 4000;

/** @param {HTMLButtonElement} button @returns {HTMLElement | null} where it says what it did: in its own row, if there */
function findSaid(button) {
  return button.parentElement.querySelector('[data-copied]') ?? document.querySelector('[data-copied]');
}

/** @param {HTMLElement} source @returns {Promise<string>} what to say */
async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    return 'Copied.';
  } catch {
    getSelection().selectAllChildren(source);
    return 'Selected: press Ctrl+C or ⌘C to copy.';
  }
}

/** @param {HTMLButtonElement} button */
function prepare(button) {
  const said = findSaid(button);
  let timer;
  button.hidden = false;
  button.addEventListener('click', async () => {
    const words = await copy(document.getElementById(button.dataset.copy));
    if (!said) return;
    clearTimeout(timer);
    said.textContent = words;
    timer = setTimeout(() => { said.textContent = ''; }, SAID_MS);
  });
}

for (const button of document.querySelectorAll('[data-copy]')) prepare(button);
