// Code that is wider than its page scrolls in a frame of its own: that frame is a stop of the Tab key while it does.

/** @param {HTMLElement} element */
function update(element) {
  const scrolls = element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight + 1;
  if (scrolls && !element.hasAttribute('tabindex')) {
    element.tabIndex = 0;
    element.dataset.scrolls = '';
  } else if (!scrolls && 'scrolls' in element.dataset) {
    element.removeAttribute('tabindex');
    delete element.dataset.scrolls;
  }
}

/** Keep watch over the page's preformatted text, whatever its width becomes. */
export function watchScrollers() {
  const observer = new ResizeObserver((entries) => entries.forEach(({ target }) => update(target)));
  for (const element of document.querySelectorAll('pre')) observer.observe(element);
}
