"""The one place where the child gives up what it does not need, before anything untrusted runs.

Runs in the child, which starts for every generator: it imports no more than it must (`typing`, `signal` and
`dataclasses` alone would take as long as all the rest).
"""

from __future__ import annotations

import os
import resource
import struct

from worker_sandbox import landlock, seccomp
from worker_sandbox.syscalls import LayerAbsent, LayerFailed, capset, prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PR_SET_PDEATHSIG = 1
PR_GET_DUMPABLE = 3
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
PR_GET_NO_NEW_PRIVS = 39
CAPABILITY_VERSION_3 = 0x20080522
SIGKILL = 9
NOBODY = 65534
"""The user and the group that own nothing; also what the kernel calls whoever it has no number for."""


def lock_down(resources: list[tuple[str, int, int]], parent_pid: int, *, best_effort: bool = False) -> None:
    """Put every layer up, in order; imports come before. resources: as `Limits.resources`.

    best_effort: go on without Landlock or seccomp where the kernel does not have them, and only there.
    The calling process must have one thread: some of these bind a thread, not a process.
    Raises LayerFailed, naming the first layer that could not be put up.
    """
    for name, put_up in layers(resources, parent_pid):
        try:
            put_up_layer(name, put_up)
        except LayerAbsent:
            if not best_effort:
                raise


def layers(resources: list[tuple[str, int, int]], parent_pid: int) -> list[tuple[str, Callable[[], None]]]:
    """Return every layer's name and what puts it up, in the only order that works.

    A new user forgets the wish to die with the parent and sets dumpable anew; Landlock needs a file descriptor
    for a moment; seccomp forbids all the calls before it.
    """
    return [
        ("USER", become_nobody),
        ("CAPABILITIES", drop_capabilities),
        ("PDEATHSIG", lambda: die_with_parent(parent_pid)),
        ("NO_NEW_PRIVS", forbid_new_privileges),
        ("DUMPABLE", forbid_dumps),
        (landlock.LAYER, landlock.close_off),
        *[(limit[0], lambda limit=limit: set_resource_limit(*limit)) for limit in resources],
        (seccomp.LAYER, seccomp.allow_few_calls),
    ]


def put_up_layer(name: str, put_up: Callable[[], None]) -> None:
    """Put one layer up. Raises LayerFailed with its name, whatever went wrong."""
    try:
        put_up()
    except (OSError, ValueError, OverflowError) as error:
        raise LayerFailed(name, error) from error


def become_nobody() -> None:
    """Give root up, for good; an ordinary user stays who they are."""
    if 0 not in os.getresuid():
        return
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    if (*os.getresuid(), *os.getresgid(), *os.getgroups()) != (NOBODY,) * 6:
        raise LayerFailed("USER", "the system accepted the user and did not keep it")


def drop_capabilities() -> None:
    """Give up every single right of root that an ordinary user may have been given, too."""
    capset(struct.pack("=Ii", CAPABILITY_VERSION_3, 0), bytes(24))


def die_with_parent(parent_pid: int) -> None:
    """Be killed when the thread that started this process ends, however it ends."""
    prctl(PR_SET_PDEATHSIG, SIGKILL)
    if os.getppid() != parent_pid:
        raise LayerFailed("PDEATHSIG", "the parent ended before the child was ready")


def forbid_new_privileges() -> None:
    """No program that this process might start gains rights from its file's owner."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if prctl(PR_GET_NO_NEW_PRIVS) != 1:
        raise LayerFailed("NO_NEW_PRIVS", "the system accepted it and did not keep it")


def forbid_dumps() -> None:
    """No other process of the same user may look into this one, nor does it leave a core file."""
    prctl(PR_SET_DUMPABLE, 0)
    if prctl(PR_GET_DUMPABLE) != 0:
        raise LayerFailed("DUMPABLE", "the system accepted it and did not keep it")


def set_resource_limit(name: str, soft: int, hard: int) -> None:
    """Set one limit, or keep the stricter one that the process was started under."""
    which = getattr(resource, name)
    ceiling = resource.getrlimit(which)[1]
    hard = hard if ceiling == resource.RLIM_INFINITY else min(hard, ceiling)
    wanted = (min(soft, hard), hard)
    resource.setrlimit(which, wanted)
    if resource.getrlimit(which) != wanted:
        raise LayerFailed(name, "the system accepted the limit and did not keep it")
