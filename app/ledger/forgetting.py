"""Taking away all that a campaign has in the ledger's tables, in steps of milliseconds."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from app.models import Schedule

STEP_BYTES = 4 << 20


def forget_campaign(connection: sa.Connection, campaign_id: int, count: int) -> tuple[str, int] | None:
    """Delete up to `count` rows of a campaign, STEP_BYTES of blobs at most, and say of which table and how many.

    None: it has none any more but its schedule. For campaigns that nobody serves: whoever is stopped half-way goes on
    with what is left.
    """
    for table, (find, delete) in _STATEMENTS.items():
        found = connection.execute(find, {"campaign": campaign_id, "count": count}).all()
        if found:
            last = found[_count_fitting([row.size for row in found]) - 1]
            key = {name: value for name, value in last._mapping.items() if name != "size"}
            return table, connection.execute(delete, {"campaign": campaign_id, **key}).rowcount
    gone = connection.execute(_FORGET_ERRORS, {"campaign": campaign_id, "count": count}).rowcount
    return ("kernel_error", gone) if gone else None


def _count_fitting(sizes: Sequence[int]) -> int:
    total = 0
    for number, size in enumerate(sizes):
        total += size
        if total > STEP_BYTES:
            return max(1, number)
    return len(sizes)


def drop_schedule(connection: sa.Connection, campaign_id: int) -> None:
    """Take a campaign's last row in the ledger's tables away."""
    connection.execute(sa.delete(Schedule).where(Schedule.campaign_id == campaign_id))


def find_orphans(connection: sa.Connection) -> list[int]:
    """Return campaigns that are gone but have rows: of processes that stored what they held a moment too late."""
    return list(connection.execute(_ORPHANS).scalars())


def _make_statements(table: str, key: tuple[str, ...], size: str) -> tuple[sa.TextClause, sa.TextClause]:
    columns, values = ", ".join(key), ", ".join(f":{name}" for name in key)
    of_campaign = f"from {table} where campaign_id = :campaign"
    return (
        sa.text(f"select {columns}, {size} as size {of_campaign} order by {columns} limit :count"),
        sa.text(f"delete {of_campaign} and ({columns}) <= ({values})"),
    )


_STATEMENTS = {
    "result": _make_statements("result", ("run", "position"), "coalesce(length(data), 0)"),
    "dataset": _make_statements("dataset", ("position",), "length(data)"),
    "lease": _make_statements("lease", ("run", "low"), "0"),
    "presence": _make_statements("presence", ("process",), "0"),
    # Behind those of which it tells that there may be more (`find_orphans`).
    "progress": _make_statements("progress", ("run", "process"), "0"),
}
# Not by a key as the others, since a position may be null; and their texts are short.
_FORGET_ERRORS = sa.text(
    "delete from kernel_error where id in (select id from kernel_error where campaign_id = :campaign"
    " order by run, position limit :count)"
)
_ORPHANS = sa.text(
    "select distinct campaign_id from progress where not exists (select 1 from campaign"
    " where campaign.id = progress.campaign_id) order by campaign_id"
)
