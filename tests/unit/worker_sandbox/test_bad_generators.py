"""Everything a generator can do wrong ends in one readable sentence, and in no process."""

import os
import signal
import threading
import time

import pytest

from tests.unit.worker_sandbox.runs import assert_gone, chunks_of, datasets_of, failure_of, generate, returning
from worker_sandbox import GeneratorFailed, Limits

SOON = Limits(wall_s=0.4)
MB = 2**20
UNSHOWN = "the dataset generator threw a value that cannot be shown"


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("(function () {\n  x.y();\n})()", "ReferenceError: x is not defined (line 2, column 3)"),
        (
            "({\n main() {\n  return missing;\n }\n})",
            "ReferenceError: missing is not defined (line 3, column 10)",
        ),
        (
            "var a = 1;\n({ main() { null.b; } })",
            "TypeError: cannot read property 'b' of null (line 2, column 13)",
        ),
        ("({ *main() { yield {};\nnope(); } })", "ReferenceError: nope is not defined (line 2, column 1)"),
        (
            "({ main() { JSON.parse('{'); } })",
            "SyntaxError: Expected property name or '}' in JSON at position 1 (line 1 column 2) (line 1, column 18)",
        ),
        ("({ main() { throw 'enough'; } })", "the dataset generator threw enough"),
        ("({ main() { throw { toString() { throw 1; } }; } })", UNSHOWN),
        ("({ main() { throw Object.create(null); } })", UNSHOWN),
        ("(function f() { f(); })()", "RangeError: Maximum call stack size exceeded (line 1, column 17)"),
    ],
)
def test_what_a_generator_throws_is_told_with_its_line_and_column(source: str, sentence: str) -> None:
    assert str(failure_of(source)) == sentence


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("(function () {\n  var x = ;\n})()", 2, 11),
        ("var x = 1;\nvar y = ;\n({ main: x })", 2, 9),
        ("{\n  main: function () {\n    return [1,;\n  }\n}", 3, 15),
        ("({ main() { return [1, 2 } })", 1, 26),
        ("with (x) {}", 1, 1),
    ],
)
def test_source_that_does_not_parse_is_reported_where_the_owner_wrote_it(source: str, line: int, column: int) -> None:
    failure = failure_of(source)
    assert failure.message.startswith("SyntaxError: ")
    assert (failure.line, failure.column) == (line, column)
    assert str(failure).endswith(f"(line {line}, column {column})")


@pytest.mark.parametrize(
    "source", ["(function () {\n  return {};\n\n", "{ main: function () {\n return [];", "x = [\n1,"]
)
def test_a_file_that_stops_too_early_is_reported_at_its_last_line(source: str) -> None:
    failure = failure_of(source)
    assert failure.message == "SyntaxError: unexpected end of the file"
    assert failure.line == 2


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("", "undefined"),
        ("var generator = { main() {} };", "undefined"),
        ("42", "a number"),
        ("null", "null"),
        ("({ Main() {} })", "an object without it"),
        ("({ main: 3 })", "an object without it"),
    ],
)
def test_a_file_without_a_main_is_told_what_it_evaluates_to(source: str, kind: str) -> None:
    expected = "the dataset generator must evaluate to an object with a function main, but it evaluates to "
    assert str(failure_of(source)) == expected + kind


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (returning("undefined"), "undefined"),
        (returning("null"), "null"),
        (returning("{ a: 1 }"), "an object"),
        (returning("'abc'"), "a string"),
        ("({ async main() { return []; } })", "a promise or an async iterator, for which nobody waits"),
        ("({ async *main() { yield {}; } })", "a promise or an async iterator, for which nobody waits"),
        (returning("{ next() { return 1; } }"), "an iterator whose next() returns no object"),
        (returning("{ [Symbol.iterator]() { return {}; } }"), "an iterator without a next function"),
    ],
)
def test_a_main_that_returns_something_else_is_told_what(source: str, kind: str) -> None:
    expected = "main() must return an array of plain objects or be a function*, but it returned "
    assert str(failure_of(source)) == expected + kind


@pytest.mark.parametrize(
    ("dataset", "sentence"),
    [
        ("{ min: 1n }", "field 'min': a BigInt cannot be stored; convert it to a string"),
        ("{ a: { b: [1, NaN] } }", "field 'a.b[1]': NaN cannot be stored; use null or a string"),
        ("{ a: -Infinity }", "field 'a': -Infinity cannot be stored; use null or a string"),
        ("{ f() {} }", "field 'f': a function cannot be stored; leave it out"),
        ("{ s: Symbol() }", "field 's': a symbol cannot be stored; leave it out"),
        ("{ a: [1, , 2] }", "field 'a[1]': undefined (or a hole in an array) cannot be stored; use null"),
        (
            "{ a: new Array(1e9) }",
            "field 'a[0]': undefined (or a hole in an array) cannot be stored; use null",
        ),
        ("{ a: '\\ud800' }", "field 'a': a string with half a surrogate pair cannot be stored"),
        ("{ ['\\udc00']: 1 }", "field '?': a name with half a surrogate pair cannot be stored"),
        (
            "{ when: [new Date()] }",
            "field 'when[0]': an object of class Date cannot be stored; "
            "convert it to a plain object, an array, a string or a number",
        ),
        (
            "{ a: new Uint8Array(2) }",
            "field 'a': an object of class Uint8Array cannot be stored; "
            "convert it to a plain object, an array, a string or a number",
        ),
    ],
)
def test_a_field_that_cannot_be_stored_is_named_with_its_dataset(dataset: str, sentence: str) -> None:
    failure = failure_of(returning(f"[{{}}, {{}}, {{}}, {dataset}]"))
    assert str(failure) == f"dataset 3, {sentence}"
    assert failure.dataset == 3


@pytest.mark.parametrize(
    ("dataset", "reason"),
    [
        ("7", "it is a number; a dataset must be a plain object such as {min: 0, max: 100}"),
        ("null", "it is null; a dataset must be a plain object such as {min: 0, max: 100}"),
        ("[1]", "it is an array; a dataset must be a plain object such as {min: 0, max: 100}"),
        ("undefined", "it is undefined (or a hole in the array); a dataset must be a plain object"),
        (",", "it is undefined (or a hole in the array); a dataset must be a plain object"),
        ("new Map()", "an object of class Map cannot be stored; return plain objects"),
        ("new (class Range {})()", "an object of class Range cannot be stored; return plain objects"),
        ("Object.create({ a: 1 })", "an object of class Object cannot be stored; return plain objects"),
    ],
)
def test_a_dataset_that_is_no_plain_object_is_refused_by_its_number(dataset: str, reason: str) -> None:
    failure = failure_of(returning(f"[{{}}, {dataset}]"))
    assert str(failure) == f"dataset 1: {reason}"
    assert failure.dataset == 1


def test_an_error_of_a_dataset_s_own_getter_is_told_with_its_number_and_line() -> None:
    failure = failure_of(returning("[{},\n { get a() { return oops; } }]"))
    assert str(failure) == "dataset 1: ReferenceError: oops is not defined (line 2, column 21)"


def test_the_depth_limit_counts_the_dataset_as_the_first_level() -> None:
    nest = "[0].map(() => { let o = {}; for (let i = 1; i < %d; i++) o = { o }; return o; })"
    assert len(datasets_of(returning(nest % 64))) == 1
    assert str(failure_of(returning(nest % 65))) == "dataset 0: it is nested deeper than 64 levels, or contains itself"


def test_a_dataset_that_contains_itself_is_refused() -> None:
    failure = failure_of("({ main() { const a = [{}]; a[0].a = a; return a; } })")
    assert str(failure) == "dataset 0: it is nested deeper than 64 levels, or contains itself"


def test_a_billion_datasets_are_refused_by_their_length() -> None:
    failure = failure_of(returning("new Array(1e9)"))
    assert str(failure) == "the dataset generator returned more than 1,000,000 datasets"


def test_an_endless_generator_function_stops_at_the_number_of_datasets() -> None:
    limits = Limits(datasets=2500)
    failure = failure_of("({ *main() { for (;;) yield {}; } })", limits=limits)
    assert str(failure) == "the dataset generator returned more than 2,500 datasets"


def test_exactly_as_many_datasets_as_allowed_are_taken_from_arrays_and_iterators() -> None:
    limits = Limits(datasets=5)
    assert len(datasets_of(returning("Array.from({ length: 5 }, () => ({}))"), limits=limits)) == 5
    assert len(datasets_of("({ *main() { for (let i = 0; i < 5; i++) yield {}; } })", limits=limits)) == 5


def test_a_dataset_over_its_limit_is_refused_by_its_number() -> None:
    failure = failure_of(returning("[{}, { a: 'x'.repeat(2 ** 21) }]"))
    assert str(failure) == "dataset 1 is larger than 1 MB"
    assert failure.dataset == 1


def test_a_dataset_that_grows_by_sharing_is_refused_before_it_fills_the_memory() -> None:
    laughs = "[0].map(() => { let a = ['ha']; for (let i = 0; i < 60; i++) a = [a, a]; return { a }; })"
    assert str(failure_of(returning(laughs))) == "dataset 0 is larger than 1 MB"


def test_huge_output_is_refused_by_its_size_in_all() -> None:
    source = "({ *main() { for (;;) yield { a: 'x'.repeat(1e6) }; } })"
    failure = failure_of(source, limits=Limits(total_bytes=8 * MB))
    assert str(failure) == "the datasets are larger than 8 MB in all"


@pytest.mark.parametrize(
    "source",
    [
        "while (true);",
        "({ main() { for (;;); } })",
        "({ *main() { for (let i = 0; i < 1500; i++) yield {}; for (;;); } })",
        "({ main() { try { for (;;); } finally { for (;;); } } })",
        "({ main() { const a = []; a.length = 2 ** 32 - 1; a.join(); } })",
        "({ main() { return [{ a: /^(a+)+$/.test('a'.repeat(50) + 'b') }]; } })",
        "({ main() { return [{ get a() { for (;;); } }]; } })",
        "({ main() { throw { get message() { for (;;); } }; } })",
        "({ main() { return new Proxy([], { get() { for (;;); } }); } })",
    ],
)
def test_the_parent_s_clock_ends_whatever_does_not_end(source: str) -> None:
    assert str(failure_of(source, limits=SOON)) == "the dataset generator ran longer than 0.4 seconds"


def test_the_limit_on_processor_time_ends_a_child_whose_parent_looks_away() -> None:
    with generate("({ main() { for (;;); } })", seed=1, now_ms=0, limits=Limits(cpu_s=1, wall_s=60)) as run:
        with pytest.raises(GeneratorFailed) as caught:
            next(run)
        assert str(caught.value) == "the dataset generator used more than 1 second of processor time"
    assert_gone(run.pid)


@pytest.mark.parametrize(
    "source",
    [
        "({ main() { const a = []; for (;;) a.push([a.length]); } })",
        "({ main() { const a = []; for (;;) a.push('x'.repeat(1e5) + a.length); } })",
        "({ main() { new Uint8Array(2 ** 30); } })",
        "({ main() { const a = []; try { for (;;) a.push({}); } catch { for (;;) a.push(a.slice()); } } })",
    ],
)
def test_a_memory_bomb_is_told_the_limit(source: str) -> None:
    sentence = str(failure_of(source, limits=Limits(memory_bytes=32 * MB)))
    assert sentence.startswith("the dataset generator used more than 32 MB of memory")


def test_the_limit_on_the_whole_child_is_kept_when_the_engine_s_own_is_too_wide() -> None:
    limits = Limits(memory_bytes=2**40, address_space_bytes=96 * MB)
    failure = failure_of("({ main() { const a = []; for (;;) a.push(new Uint8Array(1e6).fill(1)); } })", limits=limits)
    assert "memory" in str(failure)


@pytest.mark.parametrize("bomb", ["(" * 500_000, "[" * 500_000, "`${" * 300_000, "a=>" * 300_000, "!" * 1_000_000])
def test_a_parse_bomb_is_refused(bomb: str) -> None:
    assert isinstance(failure_of(bomb), GeneratorFailed)


def test_source_with_half_a_surrogate_pair_or_a_nul_is_javascript_s_own_business() -> None:
    assert datasets_of(returning("[{ n: '\ud800\0'.length }]")) == [{"n": 2}]


@pytest.mark.parametrize("name", ["require", "process", "std", "os", "print", "console", "fetch", "performance"])
def test_the_engine_has_no_way_out(name: str) -> None:
    assert datasets_of(returning(f"[{{ kind: typeof {name} }}]")) == [{"kind": "undefined"}]


def test_modules_cannot_be_imported() -> None:
    source = "({ main() { import('os'); return [{ a: 1 }]; } })"
    assert datasets_of(source) == [{"a": 1}]
    assert failure_of("import os from 'os';").message.startswith("SyntaxError")


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_child_that_dies_by_a_signal_fails_the_run_and_nothing_else(number: signal.Signals) -> None:
    with generate("({ *main() { yield {}; for (;;); } })", seed=1, now_ms=0, limits=Limits(chunk=1)) as run:
        next(run)
        threading.Timer(0.1, os.kill, (run.pid, number)).start()
        with pytest.raises(GeneratorFailed) as caught:
            next(run)
    assert_gone(run.pid)
    killed = "the dataset generator was killed by the system, most likely for want of memory"
    crashed = f"the dataset generator crashed the JavaScript engine ({number.name})"
    assert str(caught.value) == (killed if number == signal.SIGKILL else crashed)


def test_leaving_the_context_early_ends_a_child_that_is_still_at_work() -> None:
    with generate("({ *main() { for (;;) yield { a: 'x'.repeat(1e4) }; } })", seed=1, now_ms=0) as run:
        assert next(run)
    assert_gone(run.pid)


def test_leaving_the_context_by_an_error_of_the_consumer_ends_the_child() -> None:
    pids = []

    def consume() -> None:
        with generate("({ *main() { for (;;) yield {}; } })", seed=1, now_ms=0) as run:
            pids.append(run.pid)
            next(run)
            raise ZeroDivisionError

    pytest.raises(ZeroDivisionError, consume)
    assert_gone(pids[0])


def test_the_time_that_the_consumer_takes_is_not_on_the_clock() -> None:
    limits = Limits(wall_s=1)
    source = "({ *main() { for (let i = 0; i < 20000; i++) yield { i }; } })"
    received = 0
    with generate(source, seed=1, now_ms=0, limits=limits) as run:
        for chunk in run:
            if received == 0:
                time.sleep(1.2)
            received += len(chunk)
    assert received == 20000


def test_a_run_that_fails_late_has_yielded_what_came_before() -> None:
    source = "({ *main() { yield { a: 1 }; throw new Error('late'); } })"
    with generate(source, seed=1, now_ms=0, limits=Limits(chunk=1)) as run:
        assert len(next(run)) == 1
        with pytest.raises(GeneratorFailed, match="Error: late"):
            next(run)


def test_several_runs_at_once_do_not_disturb_each_other() -> None:
    found: dict[int, object] = {}

    def work(number: int) -> None:
        source = returning(f"[{{ n: {number} }}]") if number % 2 else "({ main() { throw new Error('x'); } })"
        try:
            found[number] = chunks_of(source)
        except GeneratorFailed as failure:
            found[number] = str(failure)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[number] for number in (1, 3, 5)] == [[[bytes([0x81, 0xA1, 0x6E, n])]] for n in (1, 3, 5)]
    assert all("Error: x" in str(found[number]) for number in (0, 2, 4))
