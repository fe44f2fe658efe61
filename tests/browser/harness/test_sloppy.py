"""Legacy kernels: what needs implicit globals runs where its campaign asks for sloppy mode, and reaches no more."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.harness.desk import Desk, state_of

pytestmark = pytest.mark.browser

# As code of the nineties was written: no declarations, an octal number, `with`, a function that calls itself by
# arguments.callee, and state that lives in globals between calls.
LEGACY = """\
(function () {
  calls = 0;
  isPrime = function (n) {
    if (n < 2) return false;
    for (divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor == 0) return false;
    return true;
  };
  factorial = function (n) { return n < 2 ? 1 : n * arguments.callee(n - 1); };
  return {
    main: function (dataset) {
      calls = calls + 1;
      found = [];
      with (dataset) { for (i = from; i < to; i++) if (isPrime(i)) found.push(i); }
      return { found: found, mode: 0755, factorial: factorial(10) };
    },
  };
})()
"""
DATASETS = [{"from": low, "to": low + 10} for low in (0, 10, 90)]
PRIMES = [[2, 3, 5, 7], [11, 13, 17, 19], [97]]
IMPLICIT = "{main: function (d) { total = 0; for (i = 1; i <= d.n; i++) total += i; return total; }}"


def test_a_legacy_kernel_computes_in_sloppy_mode(desk: Desk) -> None:
    server = desk.serve(LEGACY, DATASETS, sloppy=True)
    desk.start(threads=2)
    server.wait(lambda: server.finished)
    assert server.results == {n: {"found": PRIMES[n], "mode": 0o755, "factorial": 3628800} for n in range(3)}


def test_the_same_legacy_kernel_does_not_load_in_strict_mode(desk: Desk) -> None:
    server = desk.serve(LEGACY, DATASETS)
    embed = desk.start(threads=2)
    server.wait(lambda: server.load_failures)
    assert server.load_failures[0]["name"] == "SyntaxError"
    assert server.load_failures[0]["message"] == "Strict mode code may not include a with statement"
    expect(state_of(embed)).to_contain_text("The kernel does not run in this browser: SyntaxError")
    assert (server.results, server.errors) == ({}, {})


def test_an_implicit_global_fails_its_dataset_in_strict_mode_and_not_in_sloppy_mode(desk: Desk) -> None:
    strict = desk.serve(IMPLICIT, [{"n": 10}])
    desk.start()
    strict.wait(lambda: strict.finished)
    assert (strict.errors[0]["name"], strict.errors[0]["message"]) == ("ReferenceError", "total is not defined")
    sloppy = desk.serve(IMPLICIT, [{"n": 10}, {"n": 100}], sloppy=True)
    desk.start()
    sloppy.wait(lambda: sloppy.finished)
    assert sloppy.results == {0: 55, 1: 5050}


def test_a_sloppy_kernel_finds_no_caller_of_the_harness_above_itself(desk: Desk) -> None:
    kernel = """(function () {
      function describe(caller) { return caller === null ? 'nobody' : String(caller).slice(0, 200); }
      var seen = {};
      return {
        loadStaticDataset: function loadStatic() { seen.loading = describe(loadStatic.caller); },
        main: function main(d) {
          function own() { return own.caller === main; }
          seen.main = describe(main.caller);
          seen.own = own();
          seen.args = describe(arguments.callee.caller);
          return seen;
        },
      };
    })()"""
    server = desk.serve(kernel, [{}], sloppy=True)
    desk.start()
    server.wait(lambda: server.finished)
    assert server.results[0] == {"loading": "nobody", "main": "nobody", "args": "nobody", "own": True}
