"""The only writer of schedule, process, lease, dataset, result, progress, presence, volunteer and kernel_error.

Every function takes an open connection and does one step of a transaction that its caller commits; none of them knows
Flask, a socket or a clock of its own. Each state transition has its name and its one place here:

    schedule.generation   waiting → running (`claim_generation`) → done (`finish_generation`) or failed
                          (`fail_generation`; done, where lock-step datasets stay); running → waiting (`bury_dead`,
                          `release_generation`), when its process died or was interrupted; a lock-step generator:
                          running → resting (`rest_generation`) → running (`claim_generation`), running → full
                          (`fill_generation`) → resting (`reopen_full`)
    schedule.intent       running ⇄ paused (`set_intent`, `pause_unloadable`)
    positions of a run    pending → leased (`take_block`) → a row of result (`store`), and back to pending
                          (`free_leases`, `bury_dead`); from a FAILED row back to pending (`retry`)
    schedule.run          n → n + 1 (`reset`): the fence; what is still stored for the old run is never read
    schedule.kernel_version  n → n + 1 (`renew_kernel`); errors of an older version count as no attempt any more
    schedule.deleted      false → true (`close_schedule`) → false, paused (`reopen_schedule`)

Promises kept here: D3 by the primary key of result; D5 by freeing the leases of processes that stop or die; D8, since
done is the existence of a row that within a run only `retry` takes away, where the owner asks for it and it is FAILED.
"""

from __future__ import annotations

from app.ledger.failures import Retried, retry
from app.ledger.forgetting import drop_schedule, find_orphans, forget_campaign
from app.ledger.generation import (
    add_datasets,
    claim_generation,
    fail_generation,
    fill_generation,
    find_kept,
    finish_generation,
    forget_datasets,
    release_generation,
    reopen_full,
    rest_generation,
)
from app.ledger.leases import (
    Appetite,
    find_held_elsewhere,
    free_leases,
    release,
    release_unknown,
    take_block,
)
from app.ledger.outcomes import BYTES_PER_INSERT, Batch, forget_old_results, store
from app.ledger.presence import count_present, note_presence, sum_presence
from app.ledger.processes import bury_dead, bury_kind, count_alive, enter_process, leave_process, refresh_process
from app.ledger.schedules import (
    close_schedule,
    find_offers,
    find_views,
    open_schedule,
    pause_unloadable,
    renew_kernel,
    reopen_schedule,
    reset,
    set_intent,
    sum_progress,
)

__all__ = [
    "BYTES_PER_INSERT",
    "Appetite",
    "Batch",
    "Retried",
    "add_datasets",
    "bury_dead",
    "bury_kind",
    "claim_generation",
    "close_schedule",
    "count_alive",
    "count_present",
    "drop_schedule",
    "enter_process",
    "fail_generation",
    "fill_generation",
    "find_held_elsewhere",
    "find_kept",
    "find_offers",
    "find_orphans",
    "find_views",
    "finish_generation",
    "forget_campaign",
    "forget_datasets",
    "forget_old_results",
    "free_leases",
    "leave_process",
    "note_presence",
    "open_schedule",
    "pause_unloadable",
    "refresh_process",
    "release",
    "release_generation",
    "release_unknown",
    "renew_kernel",
    "reopen_full",
    "reopen_schedule",
    "reset",
    "rest_generation",
    "retry",
    "set_intent",
    "store",
    "sum_presence",
    "sum_progress",
    "take_block",
]
