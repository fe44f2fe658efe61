"""One walk over all pages of the site, in a real Chromium: policy, accessibility, validity, budgets, keyboard."""
