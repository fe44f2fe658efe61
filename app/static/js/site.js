// On every page: times in the reader's zone, and text that scrolls sideways can be scrolled by the keyboard.

import { watchScrollers } from './site/scrollers.js';
import { keepTimes } from './site/times.js';

keepTimes();
watchScrollers();
