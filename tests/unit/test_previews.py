"""Previews of generators: asked for, run in the sandbox, answered once, bounded and forgotten."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable

import msgpack
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import previews
from app.database import Database
from app.errors import InvalidInput, NotFound
from app.models import Preview, User
from app.previews import Answer
from app.settings import Settings
from app.states import PreviewState
from tests.campaigns import make_owner
from worker_sandbox import Limits

NOW = dt.datetime(2026, 5, 17, 12, tzinfo=dt.UTC)
SMALL = b"({ main: () => [{ n: 1 }, { n: 2 }] })"
Ask = Callable[..., int]


@pytest.fixture
def owner_id(database: Database) -> int:
    return make_owner(database)


@pytest.fixture
def ask(database: Database, owner_id: int) -> Ask:
    def ask(source: bytes = SMALL, *, owner: int = owner_id, after_s: float = 0, **options: int) -> int:
        settings = Settings(database_url="sqlite://", previews_per_user=options.pop("per_user", 3))
        with database.transaction() as connection, Session(bind=connection) as session:
            now = NOW + dt.timedelta(seconds=after_s)
            return previews.ask(session, session.get_one(User, owner), source, settings, now, **options)

    return ask


def serve(database: Database, limits: Limits | None = None, at: dt.datetime = NOW) -> bool:
    return previews.serve_next(database, limits or Limits(), lambda: at)


def read(database: Database, owner_id: int, preview_id: int) -> Answer | None:
    with Session(database.engine) as session:
        return previews.find_answer(session, session.get_one(User, owner_id), preview_id)


def preview(database: Database, owner_id: int, ask: Ask, source: str, limits: Limits | None = None) -> Answer:
    asked = ask(source.encode())
    assert serve(database, limits)
    found = read(database, owner_id, asked)
    assert found is not None
    return found


def test_an_answer_counts_all_datasets_and_holds_the_first_ten_and_the_last(
    database: Database, owner_id: int, ask: Ask
) -> None:
    found = preview(database, owner_id, ask, "({ main: () => Array.from({ length: 2345 }, (_, n) => ({ n })) })")
    blobs = [msgpack.packb({"n": n}) for n in range(2345)]
    assert (found.count, found.size_bytes) == (2345, sum(map(len, blobs)))
    assert found.first == tuple(blobs[:10])
    assert found.last == blobs[-1]
    assert (found.is_lockstep, found.is_whole, found.error) == (False, True, None)


def test_of_an_endless_generator_it_says_so_and_shows_the_beginning(
    database: Database, owner_id: int, ask: Ask
) -> None:
    found = preview(database, owner_id, ask, "({ *main() { for (let n = 0; ; n++) yield { n }; } })")
    assert (found.count, found.is_lockstep, found.is_whole) == (previews.STEP, True, False)
    assert found.last == msgpack.packb({"n": previews.STEP - 1})
    ends = preview(database, owner_id, ask, "({ *main() { yield { n: 1 }; } })")
    assert (ends.count, ends.is_lockstep, ends.is_whole) == (1, True, True)
    assert ends.first == (ends.last,)


@pytest.mark.parametrize(
    ("source", "error", "line", "column"),
    [
        ("({\n  main() {\n    return nothing;\n  },\n})", "ReferenceError: nothing is not defined", 3, 12),
        ("({ main() { return [{ a: 1 },, ]; }", "SyntaxError", 1, 36),
        ("({ main: () => [] })", "no datasets", None, None),
        ("({ *main() {} })", "no datasets", None, None),
        ("({ main: () => [{ a: 1 }, { f() {} }] })", "dataset 1, field 'f'", None, None),
        ("({ main() { for (;;); } })", "ran longer than 1 second", None, None),
        ("({ main: () => Array.from({ length: 11 }, () => ({})) })", "more than 10 datasets", None, None),
    ],
)
def test_an_error_comes_with_its_line_and_column_v1(
    database: Database, owner_id: int, ask: Ask, source: str, error: str, line: int | None, column: int | None
) -> None:
    found = preview(database, owner_id, ask, source, Limits(wall_s=1, datasets=10))
    assert error in str(found.error)
    assert found.line == line
    assert column in (None, found.column)
    assert (found.count, found.first, found.last) == (0, (), None)


def test_the_seed_decides_what_random_numbers_it_sees(database: Database, owner_id: int, ask: Ask) -> None:
    source = b"({ main: () => [{ r: Math.random() }] })"
    found = []
    for seed in (1, 1, 2):
        asked = ask(source, seed=seed)
        assert serve(database)
        found.append(read(database, owner_id, asked))
    assert found[0] == found[1] != found[2]


def test_large_datasets_are_left_out_of_the_answer_and_still_counted(
    database: Database, owner_id: int, ask: Ask
) -> None:
    source = "({ main: () => Array.from({ length: 20 }, () => ({ x: 'x'.repeat(300000) })) })"
    found = preview(database, owner_id, ask, source)
    assert (found.count, len(found.first)) == (20, 3)
    assert sum(map(len, found.first)) <= previews.SHOWN_BYTES


def test_a_preview_is_there_for_who_asked_and_for_nobody_else_v2(database: Database, owner_id: int, ask: Ask) -> None:
    stranger = make_owner(database, "bob@example.org")
    asked = ask()
    assert read(database, owner_id, asked) is None
    for who, preview_id in ((stranger, asked), (owner_id, asked + 1), (owner_id, 2**70), (owner_id, -1)):
        with pytest.raises(NotFound):
            read(database, who, preview_id)


def test_a_new_preview_takes_the_place_of_the_users_oldest_v3(database: Database, owner_id: int, ask: Ask) -> None:
    stranger = make_owner(database, "bob@example.org")
    others = ask(owner=stranger)
    asked = [ask(after_s=number) for number in range(5)]
    for gone in asked[:2]:
        with pytest.raises(NotFound):
            read(database, owner_id, gone)
    assert [read(database, owner_id, kept) for kept in asked[2:]] == [None, None, None]
    assert read(database, stranger, others) is None


def test_one_that_runs_is_not_displaced_and_its_user_has_no_second_one_run_v3(
    database: Database, owner_id: int, ask: Ask
) -> None:
    running = ask()
    stranger = make_owner(database, "bob@example.org")
    job = claim(database)
    assert job is not None
    assert job.id == running
    later = [ask(after_s=number) for number in (1, 2, 3)]
    assert read(database, owner_id, running) is None
    with pytest.raises(NotFound):
        read(database, owner_id, later[0])
    assert claim(database) is None
    others = ask(owner=stranger, after_s=9)
    found = claim(database)
    assert found is not None
    assert found.id == others
    database.write(lambda connection: previews.answer(connection, running, Answer(count=1)))
    found = claim(database)
    assert found is not None
    assert found.id == later[1]


def claim(database: Database, at: dt.datetime = NOW) -> previews.Job | None:
    return database.write(lambda connection: previews.claim(connection, 5.0, at))


def test_one_whose_process_died_is_run_again_once_v4(database: Database, owner_id: int, ask: Ask) -> None:
    asked = ask()
    lapsed = dt.timedelta(seconds=5 + previews.LAPSE_S + 1)
    assert claim(database) is not None
    assert claim(database, NOW + lapsed / 2) is None
    assert claim(database, NOW + lapsed) is not None
    assert claim(database, NOW + 3 * lapsed) is None
    database.write(lambda connection: previews.give_up(connection, 5.0, NOW + 1.5 * lapsed))
    assert read(database, owner_id, asked) is None
    database.write(lambda connection: previews.give_up(connection, 5.0, NOW + 3 * lapsed))
    found = read(database, owner_id, asked)
    assert found is not None
    assert "interrupted each time" in str(found.error)


def test_an_answer_that_nobody_waits_for_any_more_is_dropped(database: Database, owner_id: int, ask: Ask) -> None:
    ask()
    job = claim(database)
    assert job is not None
    database.write(lambda connection: previews.forget_old(connection, 1, NOW + dt.timedelta(seconds=2)))
    database.write(lambda connection: previews.answer(connection, job.id, Answer(count=1)))
    with Session(database.engine) as session:
        assert session.scalars(sa.select(Preview)).all() == []


def test_previews_are_forgotten_when_their_time_is_over_v3(database: Database, owner_id: int, ask: Ask) -> None:
    old, young = ask(), ask(after_s=50)
    database.write(lambda connection: previews.forget_old(connection, 60, NOW + dt.timedelta(seconds=61)))
    with pytest.raises(NotFound):
        read(database, owner_id, old)
    assert read(database, owner_id, young) is None


def test_deleting_a_user_deletes_the_previews(database: Database, owner_id: int, ask: Ask) -> None:
    ask()
    database.write(lambda connection: connection.execute(sa.delete(User).where(User.id == owner_id)))
    with Session(database.engine) as session:
        assert session.scalars(sa.select(Preview)).all() == []


@pytest.mark.parametrize(
    ("source", "message"),
    [(b" \n", "missing"), (b"x" * (1 << 20) + b"x", "the limit is 1,048,576"), (b"\xff", "not UTF-8")],
)
def test_a_source_that_cannot_be_a_generator_is_refused(ask: Ask, source: bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        ask(source)
    assert caught.value.field == "dataset_gen"


def test_nothing_is_run_when_nobody_asked(database: Database) -> None:
    assert not serve(database)


def test_a_sandbox_that_cannot_be_used_is_the_operators_problem(database: Database, owner_id: int, ask: Ask) -> None:
    limits = dataclasses.replace(Limits(), address_space_bytes=2**80)
    found = preview(database, owner_id, ask, SMALL.decode(), limits)
    assert "Tell the operator" in str(found.error)
    with Session(database.engine) as session:
        assert session.scalars(sa.select(Preview.state)).all() == [PreviewState.DONE]
