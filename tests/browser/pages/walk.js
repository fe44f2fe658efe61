// What the walk over all pages asks in each of them. axe is there already.

globalThis.walk = {
  /** @type {{what: string, visible: boolean, seen: boolean, main: boolean}[]} where the Tab key stopped */
  stops: [],

  /** Frames have rows of their own in the table. @param {string[]} tags @returns {Promise<string[]>} */
  async runAxe(tags) {
    const options = { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'], iframes: false };
    const { violations } = await axe.run(document, options);
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target} ${node.failureSummary}`));
  },

  /** Write down every stop from now on. @param {string} action @returns {number} how many stops there may be */
  noteFocus(action) {
    const frames = [...document.querySelectorAll('iframe')];
    const note = (target) => this.stops.push(this.describeStop(target, action));
    document.addEventListener('focusin', ({ target }) => note(target));
    // A frame of another origin takes the focus without a word; its own page is looked at by itself.
    addEventListener('blur', () => frames.includes(document.activeElement) && note(document.activeElement));
    const tabbable = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
    const shown = [...document.querySelectorAll(tabbable)].filter((e) => !e.disabled && e.checkVisibility());
    return shown.length + 8 * frames.length;
  },

  describeStop(target, action) {
    const { top, bottom, width } = target.getBoundingClientRect();
    return {
      what: target.outerHTML.slice(0, 120),
      // Frames draw their own ring inside, and code editors show theirs a moment later: see awaitEditorRings.
      visible: target.matches('iframe, .cm-content') || this.hasRing(target),
      seen: bottom > 0 && top < innerHeight && width > 0,
      main: action !== '' && target.matches(action),
    };
  },

  /** Focus each code editor, and write down whether it shows that. */
  async awaitEditorRings() {
    for (const content of document.querySelectorAll('.cm-content')) {
      content.focus();
      await new Promise((shown) => { setTimeout(shown, 50); });
      this.stops.push({ what: 'a code editor', visible: this.hasRing(content.closest('.cm-editor')), seen: true, main: false });
    }
  },

  hasRing(element) {
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
  },

  /** @returns {string[]} elements that would move */
  listMoving() {
    const lasts = (text) => text.split(',').some((part) => parseFloat(part) > 0.01);
    const moves = ({ transitionDuration, animationName, animationDuration, scrollBehavior }) =>
      lasts(transitionDuration) || (animationName !== 'none' && lasts(animationDuration)) || scrollBehavior === 'smooth';
    const parts = ['', '::before', '::after'];
    return [...document.querySelectorAll('*')].filter((e) => parts.some((part) => moves(getComputedStyle(e, part))))
      .map((e) => e.outerHTML.slice(0, 120));
  },

  /** Frames that take room where no page puts one: scripts' sandboxes have none. @returns {string[]} */
  listStrayFrames() {
    const isPlaced = (frame) => frame.matches('main iframe.embed, main .preview iframe');
    const takesRoom = (frame) => frame.checkVisibility() && frame.offsetWidth * frame.offsetHeight > 0;
    return [...document.querySelectorAll('iframe')].filter((frame) => takesRoom(frame) && !isPlaced(frame))
      .map((frame) => `${frame.outerHTML.slice(0, 120)} ${frame.offsetWidth} x ${frame.offsetHeight}`);
  },

  /** @returns {string[]} elements that stick out to the right of a page that scrolls sideways */
  listWide() {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return [];
    const right = (element) => Math.round(element.getBoundingClientRect().right);
    return [...document.querySelectorAll('body *')].filter((e) => right(e) > clientWidth + 1).slice(0, 8)
      .map((e) => `${e.tagName}.${e.className} ${right(e)}`);
  },

  /** @returns {string[]} numbers of people's text that five or more digits make hard to read */
  listBareNumbers() {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
      const { data, parentElement } = walker.currentNode;
      const isData = parentElement.closest('code, pre, textarea, script, style, noscript, .value, [data-value], .document, .cm-editor');
      if (!isData && /(?<![\w.,#:/-])\d{5,}(?![\w-])/.test(data)) found.push(data.trim().slice(0, 80));
    }
    return found;
  },

  /** Wait until a change of size or theme is laid out. @returns {Promise<void>} */
  awaitLayout() {
    return new Promise((shown) => { requestAnimationFrame(() => setTimeout(shown)); });
  },
};
