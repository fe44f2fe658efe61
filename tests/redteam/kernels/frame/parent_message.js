// Posts to the page around it, and to the page around that.
// must: fail with /ReferenceError|TypeError/
() => { for (const window of [self.parent, self.top, self.opener]) window.postMessage('%TOKEN%', '*'); return 'posted'; }
