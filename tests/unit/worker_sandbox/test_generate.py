"""What a generator may be, what its datasets become, and that a run can be repeated."""

import datetime
import math

import pytest

from tests.unit.worker_sandbox.runs import chunks_of, datasets_of, failure_of, returning
from worker_sandbox import Limits

TEN = [{"n": n} for n in range(10)]


@pytest.mark.parametrize(
    "source",
    [
        "({ main() { return [{ a: 1 }]; } })",
        "({ main: () => [{ a: 1 }] })\n",
        "(function () {\n  function main() { return [{ a: 1 }]; }\n  return { main: main };\n})()",
        "(function () { return { main: function () { return [{ a: 1 }]; } }; })();",
        "{ main: function () { return [{ a: 1 }]; } }",
        "var lib = { a: 1 };\nfunction main() { return [lib]; }\n({ main: main });",
        "'use strict'; const a = 1; ({ main() { return [{ a }]; } });",
        "({ main() { return [{ a: 1 }]; } }) // the end",
        "/* a comment */ ({ main() { return [{ a: 1 }]; } })",
        "\ufeff({ main() { return [{ a: 1 }]; } })\r\n",
        "class Generator { static main() { return [{ a: 1 }]; } } Generator;",
    ],
)
def test_a_generator_may_be_an_expression_or_a_program(source: str) -> None:
    assert datasets_of(source) == [{"a": 1}]


@pytest.mark.parametrize(
    "source",
    [
        "({ *main() { for (let n = 0; n < 10; n++) yield { n }; } })",
        "({ main() { let n = 0; return { next: () => ({ done: n === 10, value: { n: n++ } }) }; } })",
        "({ main() { return new Set(Array.from({ length: 10 }, (_, n) => ({ n }))); } })",
        "({ main() { return Array.from({ length: 10 }, (_, n) => ({ n })).values(); } })",
        "({ main() { return new Proxy(Array.from({ length: 10 }, (_, n) => ({ n })), {}); } })",
        "({ count: 10, main() { return Array.from({ length: this.count }, (_, n) => ({ n })); } })",
    ],
)
def test_main_may_return_an_array_or_be_any_kind_of_iterator(source: str) -> None:
    assert datasets_of(source) == TEN


def test_no_datasets_at_all_is_no_error() -> None:
    assert chunks_of(returning("[]")) == []
    assert chunks_of("({ *main() {} })") == []


@pytest.mark.parametrize(
    "source",
    [
        returning("Array.from({ length: 2500 }, (_, n) => ({ n }))"),
        "({ *main() { for (let n = 0; n < 2500; n++) yield { n }; } })",
    ],
)
def test_datasets_come_in_order_in_chunks_of_a_thousand(source: str) -> None:
    assert [len(chunk) for chunk in chunks_of(source)] == [1000, 1000, 500]
    assert datasets_of(source) == [{"n": n} for n in range(2500)]


@pytest.mark.parametrize("period", [1, 2, 3, 7, 150, 1100])
def test_datasets_of_changing_shapes_stay_whole_and_in_order(period: int) -> None:
    shapes = [
        "{ n, x: 1 }",
        "{ x: n }",
        "{ x: n, n: 'text' + n }",
        "{ n, x: [n] }",
        "{ n, x: undefined }",
        "{}",
        "{ n, x: n + 0.5 }",
        "{ n, x: 2 ** 60 }",
        "{ n, x: 'y'.repeat(1200) }",
    ]
    makers = ", ".join(f"(n) => ({shape})" for shape in shapes)
    yielded = f"[{makers}][Math.floor(n / {period}) % {len(shapes)}](n)"
    found = datasets_of(f"({{ *main() {{ for (let n = 0; n < 3000; n++) yield {yielded}; }} }})")
    expected = [
        lambda n: {"n": n, "x": 1},
        lambda n: {"x": n},
        lambda n: {"x": n, "n": f"text{n}"},
        lambda n: {"n": n, "x": [n]},
        lambda n: {"n": n},
        lambda n: {},
        lambda n: {"n": n, "x": n + 0.5},
        lambda n: {"n": n, "x": 2.0**60},
        lambda n: {"n": n, "x": "y" * 1200},
    ]
    assert found == [expected[n // period % len(shapes)](n) for n in range(3000)]


def test_refusals_and_late_errors_keep_their_numbers_after_many_alike() -> None:
    bad = "({ *main() { for (let n = 0; n < 1234; n++) yield { n }; yield { n: 1n }; } })"
    assert failure_of(bad).dataset == 1234
    limits = Limits(datasets=1000)
    assert "more than 1,000 datasets" in str(failure_of(bad, limits=limits))


def test_strings_that_need_escapes_fit_into_a_frame_however_long_they_get() -> None:
    source = "({ *main() { for (let n = 0; n < 2e3; n++) yield { a: '\\0'.repeat(1000), b: '\u20ac'.repeat(999) }; } })"
    assert datasets_of(source) == [{"a": "\0" * 1000, "b": "\u20ac" * 999}] * 2000


def test_a_chunk_of_large_datasets_ends_early() -> None:
    source = "({ *main() { for (let i = 0; i < 9; i++) yield { a: 'x'.repeat(1e5) }; } })"
    assert [len(chunk) for chunk in chunks_of(source)] == [3, 3, 3]


def test_every_value_that_can_be_stored_arrives_as_it_was() -> None:
    source = returning(
        r"""[{ text: 'é😀\u0000\u2028"\\', yes: true, no: false, nothing: null, list: [1, [2, []], {}],
               half: 0.5, tiny: 5e-324, negative: -7, deep: { '': 1, 'a.b': 2 } }, Object.create(null)]"""
    )
    assert datasets_of(source) == [
        {
            "text": 'é😀\0\u2028"\\', "yes": True, "no": False, "nothing": None, "list": [1, [2, []], {}],
            "half": 0.5, "tiny": 5e-324, "negative": -7, "deep": {"": 1, "a.b": 2},
        },
        {},
    ]  # fmt: skip


def test_numbers_are_javascript_s_so_integers_end_where_theirs_do() -> None:
    numbers = "[2 ** 53 - 1, 1 - 2 ** 53, 2 ** 53, -(2 ** 63), 2 ** 64, 1e20, 1e21, 1e300, -0]"
    [dataset] = datasets_of(returning(f"[{{ a: {numbers} }}]"))
    assert dataset["a"][:2] == [2**53 - 1, 1 - 2**53]
    assert dataset["a"] == [2**53 - 1, 1 - 2**53, 2.0**53, -(2.0**63), 2.0**64, 1e20, 1e21, 1e300, 0]
    assert [type(number) for number in dataset["a"]] == [int, int, *[float] * 6, int]


def test_a_field_that_is_undefined_is_left_out_as_json_does() -> None:
    assert datasets_of(returning("[{ a: undefined, b: 1, c: undefined, d: 2, e: undefined }, { a: undefined }]")) == [
        {"b": 1, "d": 2},
        {},
    ]


def test_only_own_enumerable_fields_with_string_names_are_stored() -> None:
    hidden = "Object.defineProperty({ a: 1, [Symbol.iterator]: 2 }, 'hidden', { value: 3 })"
    source = returning(f"[{hidden}]")
    assert datasets_of(source) == [{"a": 1}]


def test_a_field_named_proto_is_a_field_like_any_other() -> None:
    assert datasets_of(returning("[{ ['__proto__']: { a: 1 }, b: 2 }, JSON.parse('{\"__proto__\": 3}')]")) == [
        {"__proto__": {"a": 1}, "b": 2},
        {"__proto__": 3},
    ]


def test_more_names_than_the_prelude_remembers_make_no_difference() -> None:
    assert datasets_of(returning("[Object.fromEntries(Array.from({ length: 3000 }, (_, i) => ['k' + i, i]))]")) == [
        {f"k{i}": i for i in range(3000)}
    ]


@pytest.mark.parametrize(
    "trick",
    [
        "Object.prototype.toJSON = Array.prototype.toJSON = String.prototype.toJSON = () => 'tricked'",
        "JSON.stringify = () => 'tricked'; JSON.parse = null",
        "Array.prototype.join = () => 'tricked'; String.prototype.isWellFormed = () => false",
        "for (const i of [0, 1, 2]) Object.defineProperty(Array.prototype, i, { set() { throw 1; } })",
        "Object.keys = () => []; Object.getPrototypeOf = () => Map.prototype; Array.isArray = () => false",
        "Object.prototype.get = Object.prototype.value = Object.prototype.chunk = 'tricked'",
        "Reflect.apply = () => 'tricked'; Function.prototype.call = Function.prototype.apply = null",
        "Object.defineProperty(Object.prototype, 'length', { get() { return 1e9; }, set() {} })",
        "Symbol.iterator.x; Array.prototype[Symbol.iterator] = function* () { yield 1; }",
        "delete globalThis.Object; delete globalThis.Array; globalThis.String = null; globalThis.eval = null",
        "RegExp.prototype.exec = () => ['x']; Error.stackTraceLimit = 0; Error.prepareStackTrace = () => 1",
    ],
)
def test_replaced_built_ins_do_not_reach_the_datasets(trick: str) -> None:
    source = "({ *main() { %s; yield { list: [1, 'b', { c: true }] }; yield { min: 0.5 }; } })" % trick  # noqa: UP031
    assert datasets_of(source) == [{"list": [1, "b", {"c": True}]}, {"min": 0.5}]


def test_every_field_is_read_once_so_a_getter_cannot_show_two_faces() -> None:
    source = "({ main() { let reads = 0; return [{ get a() { return ++reads === 1 ? 1 : NaN; } }]; } })"
    assert datasets_of(source) == [{"a": 1}]
    two_faced = "new Proxy({ a: 0 }, { get: () => (++reads === 1 ? 1 : () => 1) })"
    proxy = f"var reads = 0; {returning(f'[{two_faced}]')}"
    assert datasets_of(proxy) == [{"a": 1}]


RANDOM = "({ *main() { for (let n = 0; n < 3000; n++) yield { n, random: Math.random(), now: Date.now() }; } })"


def test_the_same_seed_and_time_give_the_same_datasets_g5() -> None:
    assert chunks_of(RANDOM, seed=7) == chunks_of(RANDOM, seed=7)
    assert chunks_of(RANDOM, seed=7) != chunks_of(RANDOM, seed=8)


@pytest.mark.parametrize("skip", [0, 1, 999, 1000, 2999, 3000, 4000])
def test_a_run_with_skip_goes_on_where_another_was_g5(skip: int) -> None:
    assert datasets_of(RANDOM, skip=skip) == datasets_of(RANDOM)[skip:]


def test_skip_works_on_arrays_and_keeps_the_datasets_numbers_in_errors() -> None:
    source = returning("Array.from({ length: 10 }, (_, n) => ({ n }))")
    assert datasets_of(source, skip=8) == [{"n": 8}, {"n": 9}]
    assert datasets_of(source, skip=8, limits=Limits(datasets=10)) == [{"n": 8}, {"n": 9}]


def test_random_numbers_are_spread_over_the_unit_interval() -> None:
    values = [dataset["random"] for dataset in datasets_of(RANDOM)]
    assert len(set(values)) == 3000
    assert all(0 <= value < 1 for value in values)
    assert abs(sum(values) / 3000 - 0.5) < 4 * math.sqrt(1 / 12 / 3000)


def test_the_clock_stands_still_at_the_time_that_was_given() -> None:
    source = returning(
        "[{ now: Date.now(), time: new Date().getTime(), text: Date(), given: new Date(5).getTime(),"
        " utc: Date.UTC(2020, 0), same: new Date().constructor === Date, is: new Date() instanceof Date,"
        " local: new Date(2020, 0).getTime() === Date.UTC(2020, 0) }]"
    )
    now_ms = int(datetime.datetime(2026, 5, 17, 12, tzinfo=datetime.UTC).timestamp() * 1000)
    [found] = datasets_of(source, now_ms=now_ms)
    assert found.pop("text").startswith("Sun May 17 2026 12:00:00")
    assert found == {
        "now": now_ms, "time": now_ms, "given": 5, "utc": 1577836800000, "same": True, "is": True, "local": True,
    }  # fmt: skip


def test_a_hundred_thousand_ranges_arrive_whole() -> None:
    source = returning("Array.from({ length: 1e5 }, (_, n) => ({ min: n * 100, max: n * 100 + 100 }))")
    assert datasets_of(source) == [{"min": n * 100, "max": n * 100 + 100} for n in range(100_000)]
