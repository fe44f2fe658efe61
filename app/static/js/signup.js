// The sign-up page's proof of work: ALTCHA's widget, with its worker from our own origin.

import 'altcha/external';

const widget = document.querySelector('altcha-widget');
globalThis.$altcha.algorithms.set('PBKDF2/SHA-256', () => new Worker(widget.dataset.worker));
