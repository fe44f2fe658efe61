"""The one place where the child gives up what it does not need, before anything untrusted runs.

Runs in the child only, which starts for every generator: it imports no more than it must (`typing`, `signal`
and `dataclasses` alone would take as long as all the rest).
"""

from __future__ import annotations

import ctypes
import os
import resource

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
SIGKILL = 9


class LimitNotSet(Exception):
    """A limit could not be set, so nothing untrusted may run.

    layer: the limit's name, as the operator's manuals call it.
    """

    def __init__(self, layer: str, detail: object) -> None:
        super().__init__(f"{layer}: {detail}")
        self.layer = layer
        self.detail = str(detail)


def lock_down(resources: list[tuple[str, int, int]], parent_pid: int) -> None:
    """Take every privilege away, in this order; imports come before. resources: as `Limits.resources`.

    The calling process must have one thread: some of these bind a thread, not a process.
    Raises LimitNotSet, naming the first layer that could not be set.
    """
    die_with_parent(parent_pid)
    forbid_new_privileges()
    for name, soft, hard in resources:
        set_resource_limit(name, soft, hard)


def set_resource_limit(name: str, soft: int, hard: int) -> None:
    """Set one limit, or keep the stricter one that the process was started under."""
    which = getattr(resource, name)
    try:
        ceiling = resource.getrlimit(which)[1]
        hard = hard if ceiling == resource.RLIM_INFINITY else min(hard, ceiling)
        wanted = (min(soft, hard), hard)
        resource.setrlimit(which, wanted)
        if resource.getrlimit(which) != wanted:
            raise LimitNotSet(name, "the system accepted the limit and did not keep it")
    except (OSError, ValueError, OverflowError) as error:
        raise LimitNotSet(name, error) from error


def forbid_new_privileges() -> None:
    """No program that this process might start gains rights from its file's owner."""
    call_prctl("NO_NEW_PRIVS", PR_SET_NO_NEW_PRIVS, 1)


def die_with_parent(parent_pid: int) -> None:
    """Be killed when the thread that started this process ends, however it ends."""
    call_prctl("PDEATHSIG", PR_SET_PDEATHSIG, SIGKILL)
    if os.getppid() != parent_pid:
        raise LimitNotSet("PDEATHSIG", "the parent ended before the child was ready")


def call_prctl(layer: str, option: int, value: int) -> None:
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
        raise LimitNotSet(layer, os.strerror(ctypes.get_errno()))
