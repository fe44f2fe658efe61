"""Who is there: how many volunteers each socket process has for each campaign, as of its last sign of life."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from app.ledger.sql import now_ms
from app.models import Presence as PresenceRow
from app.records import Presence


def note_presence(connection: sa.Connection, process: int, present: Mapping[int, Presence]) -> None:
    """Replace a process' rows by what it has now, {campaign: volunteers and threads}.

    To be called in the transaction that refreshed the process' own row: whoever declares it dead waits for that row,
    and then takes these away with it.
    """
    forget_presence(connection, process)
    if present:
        rows = json.dumps([[campaign, p.volunteers, p.threads] for campaign, p in sorted(present.items())])
        connection.execute(_INSERT[connection.dialect.name], {"process": process, "rows": rows})


def forget_presence(connection: sa.Connection, process: int) -> None:
    """Take away what a process that ended had said."""
    connection.execute(sa.delete(PresenceRow).where(PresenceRow.process == process))


def sum_presence(connection: sa.Connection, campaign_ids: Iterable[int]) -> dict[int, Presence]:
    """Return who is there for each of some campaigns. A process that gives no sign of life counts no longer."""
    wanted = list(campaign_ids)
    query = sa.text(f"{_SUMS} where r.campaign_id in :ids and {_is_alive(connection)} group by r.campaign_id")
    found = connection.execute(query.bindparams(sa.bindparam("ids", expanding=True)), {"ids": wanted})
    present = {row.campaign_id: Presence(int(row.volunteers), int(row.threads)) for row in found}
    return {campaign_id: present.get(campaign_id, Presence()) for campaign_id in wanted}


def count_present(connection: sa.Connection) -> Presence:
    """Return who is there for all campaigns together."""
    row = connection.execute(sa.text(f"{_TOTALS} where {_is_alive(connection)}")).one()
    return Presence(int(row.volunteers), int(row.threads))


def _is_alive(connection: sa.Connection) -> str:
    return f"p.alive_until_ms >= {now_ms(connection)}"


# All rows come as one text: a parameter each would have a limit, and executemany is slow beside a busy hub.
_TARGET = "insert into presence (process, campaign_id, volunteer_count, thread_count)"
_FIELDS = ", ".join(f"json_extract(value, '$[{index}]')" for index in range(3))
_INSERT = {
    "sqlite": sa.text(f"{_TARGET} select :process, {_FIELDS} from json_each(:rows)"),
    "postgresql": sa.text(
        f"{_TARGET} select :process, (v->>0)::int, (v->>1)::int, (v->>2)::int"
        " from jsonb_array_elements(cast(:rows as jsonb)) v".replace("::int", r"\:\:int")
    ),
}
_COUNTS = "coalesce(sum(r.volunteer_count), 0) as volunteers, coalesce(sum(r.thread_count), 0) as threads"
_FROM = "from presence r join process p on p.id = r.process"
_SUMS = f"select r.campaign_id, {_COUNTS} {_FROM}"
_TOTALS = f"select {_COUNTS} {_FROM}"
