// Files dropped onto a part of the page, which shows that it takes them.

/**
 * @param {HTMLElement} target
 * @param {(file: File) => void} onFile
 */
export function takeDrops(target, onFile) {
  // Enter and leave come for every element inside: the target is left when as many have been left as entered.
  let depth = 0;
  const show = (change) => {
    depth = change === 0 ? 0 : Math.max(0, depth + change);
    target.classList.toggle('dropping', depth > 0);
  };
  const listen = (name, act) => target.addEventListener(name, (event) => {
    if (!carriesFiles(event)) return;
    // Before the code editor does, which would insert the text at the pointer.
    event.preventDefault();
    event.stopPropagation();
    act(event);
  }, true);
  listen('dragenter', () => show(1));
  listen('dragleave', () => show(-1));
  listen('dragover', (event) => { event.dataTransfer.dropEffect = 'copy'; });
  listen('drop', ({ dataTransfer: { files } }) => {
    show(0);
    if (files.length > 0) onFile(files[0]);
  });
}

/** A file that misses its target must not replace the page. */
export function refuseOtherDrops() {
  for (const name of ['dragover', 'drop']) {
    addEventListener(name, (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      if (event.type === 'dragover') event.dataTransfer.dropEffect = 'none';
    });
  }
}

const carriesFiles = ({ dataTransfer }) => dataTransfer?.types.includes('Files') ?? false;
