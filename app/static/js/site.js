// On every page: text that scrolls sideways can be scrolled by the keyboard.

import { watchScrollers } from './site/scrollers.js';

watchScrollers();
