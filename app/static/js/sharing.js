// The embed page of a campaign: the snippet and its preview follow the choices as they are made. The server writes both.

const form = document.querySelector('[data-part="look"]');
let latest = 0;

/** @param {string} address @returns {Promise<Document | null>} the page with these choices */
async function load(address) {
  const response = await fetch(address, { headers: { Accept: 'text/html' } });
  return response.ok ? new DOMParser().parseFromString(await response.text(), 'text/html') : null;
}

// The newest choice wins, whichever answer comes last.
async function follow() {
  latest += 1;
  const mine = latest;
  const address = `${form.getAttribute('action')}?${new URLSearchParams(new FormData(form))}`;
  const page = await load(address).catch(() => null);
  if (mine !== latest) return;
  if (page === null) {
    form.submit();
    return;
  }
  document.getElementById('snippet').textContent = page.getElementById('snippet').textContent;
  document.getElementById('preview').replaceWith(document.importNode(page.getElementById('preview'), true));
  history.replaceState(null, '', address);
}

form.querySelector('button').hidden = true;
form.addEventListener('change', follow);
