"""Where a source that does not parse is marked in the real editors, and what they tell of Chromium's own words."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.editor.desk import NUMBERS, SOON_MS, SQUARES, Desk, read_newest

pytestmark = pytest.mark.browser

# What tests/unit/harness/slips.test.mjs takes from Node: the line, the column and the words of the engine itself.
PARSE = """(sources) => sources.map((source) => {
  let found = 'parses';
  const note = (event) => {
    event.preventDefault();
    found = `${event.lineno}:${event.colno} ${event.message.replace(/^.*SyntaxError: (Failed .*': )?/, '')}`;
  };
  addEventListener('error', note);
  const script = document.createElement('script');
  script.nonce = document.querySelector('script[nonce]').nonce;
  script.textContent = `'use strict';({main() {}, read: () => (\\n${source}\\n)})`;
  document.head.append(script);
  removeEventListener('error', note);
  return found;
})"""
MISTAKES = {
    "({\n  main(d) {\n    if (d.n) {\n      return 1;\n  },\n})": "6:4 Unexpected token ','",
    "({\n  main(d) {\n    return f(d.n, 1;\n  },\n})": "4:19 missing ) after argument list",
    "({\n  main(d) {\n    return f(d.n,, 1);\n  },\n})": "4:18 Unexpected token ','",
    "({\n  main(d) {\n    return 'abc;\n  },\n})": "4:12 Invalid or unexpected token",
    "({\n  main(d) {\n    /* abc\n  },\n})": "4:5 Invalid or unexpected token",
    "({\n  main(d) {\n    retrun d;\n  },\n})": "4:12 Unexpected identifier 'd'",
    "({\n  main: (d) =>\n})": "4:1 Unexpected token '}'",
    "({\n  main(d) {\n    const class = d;\n  },\n})": "4:11 Unexpected token 'class'",
    "({\n  main(d) {\n    return `abc;\n  },\n})": "7:4 Unexpected end of input",
    "({\n  main(d) {\n    return d.n *\n  },\n})": "5:3 Unexpected token '}'",
    "({\n  main(d) {\n    const a = 1;\n    const a = 2;\n  },\n})": "5:11 Identifier 'a' has already been declared",
    "import x from './x.js';\n({})": "2:1 Cannot use import statement outside a module",
    "export default {}": "2:1 Unexpected token 'export'",
    "await fetch('x')": "2:7 Unexpected identifier 'fetch'",
}


def test_chromium_stops_where_node_does(desk: Desk) -> None:
    desk.open()
    assert desk.page.evaluate(PARSE, list(MISTAKES)) == list(MISTAKES.values())


def test_a_missing_bracket_is_marked_where_it_was_opened_and_sent_only_when_somebody_means_it(desk: Desk) -> None:
    desk.open()
    desk.write("dataset_gen", NUMBERS)
    desk.write("kernel", "({\n  main(d) {\n    if (d.n) {\n      return 1;\n  },\n})")
    expect(desk.source("kernel").locator(".cm-lintRange-error")).to_have_text("{", timeout=SOON_MS)
    desk.press("Run on one")
    expect(desk.part("message")).to_have_text("This “{” is never closed. Noticed in line 5: Unexpected token ','")
    expect(desk.part("placeLink")).to_have_text("Line 3, column 14")
    desk.expect_mark("kernel", "    if (d.n) {", "{")
    desk.page.locator("#name").fill("A slip")
    desk.press("Make the campaign")
    said = "Line 3: This “{” is never closed. Noticed in line 5: Unexpected token ','. Mend it, or press"
    expect(desk.source("kernel").locator(".field-error")).to_contain_text(said)
    expect(desk.editor("kernel")).to_be_focused()
    desk.page.keyboard.press("Shift+End")
    assert desk.page.evaluate("getSelection().toString()") == "{"
    desk.press("Make the campaign")
    desk.page.wait_for_url(re.compile(r"/campaign/\d+$"))
    assert read_newest(desk.site).name == "A slip"


def test_the_generators_own_engine_is_understood_as_well(desk: Desk) -> None:
    desk.open()
    desk.write("kernel", SQUARES)
    desk.write("dataset_gen", "({\n  main() {\n    return [{ n: 1 *\n    }];\n  },\n})")
    desk.press("Preview datasets")
    expect(desk.part("previewMessage")).to_contain_text("SyntaxError: Something is missing after “*”.", timeout=SOON_MS)
    desk.expect_mark("dataset_gen", "    return [{ n: 1 *", "*")
    desk.write("dataset_gen", "({\n  main() { return JSON.parse('{'); },\n})")
    desk.press("Preview datasets")
    expect(desk.part("previewPlace")).to_contain_text("Line 2", timeout=SOON_MS)
    expect(desk.part("previewMessage")).not_to_contain_text("is never closed")
