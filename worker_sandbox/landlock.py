"""Landlock without a single rule: no file, no port and no signal to anyone outside (landlock(7)).

Its system calls have the same numbers on every architecture. Runs in the child.
"""

from __future__ import annotations

import errno
import os
import struct

from worker_sandbox.syscalls import LayerAbsent, LayerFailed, syscall

LAYER = "LANDLOCK"
CREATE_RULESET = 444
RESTRICT_SELF = 446
CREATE_RULESET_VERSION = 1
FIELDS = 3
"""Of `struct landlock_ruleset_attr`: file system rights, network rights, scopes. Each bit denies something."""


def find_version() -> int:
    """Return the version of the kernel's interface. Raises LayerAbsent where it has none or it is switched off."""
    try:
        return syscall(CREATE_RULESET, None, 0, CREATE_RULESET_VERSION)
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EOPNOTSUPP):
            raise LayerAbsent(LAYER, "the kernel does not have it, or not switched on") from error
        raise


def close_off() -> None:
    """Deny this process whatever the running kernel's Landlock can deny. Raises OSError, LayerAbsent, LayerFailed.

    To be called while a file descriptor is left.
    """
    find_version()
    ruleset = _create_ruleset([find_bits(field) for field in range(FIELDS)])
    try:
        syscall(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    _see_it_refuse()


def find_bits(field: int) -> int:
    """Return every bit that the running kernel knows in one field.

    They are found out rather than listed by version, so that nothing stays open that a later kernel can close.
    The kernel takes a longer struct than it knows as long as the rest is zero, and refuses a bit it does not know.
    """
    bits = 0
    for position in range(64):
        attributes = [0] * FIELDS
        attributes[field] = 1 << position
        try:
            os.close(_create_ruleset(attributes))
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.E2BIG):
                break
            raise
        bits |= 1 << position
    return bits


def _create_ruleset(attributes: list[int]) -> int:
    packed = struct.pack(f"={FIELDS}Q", *attributes)
    return syscall(CREATE_RULESET, packed, len(packed), 0)


def _see_it_refuse() -> None:
    try:
        os.close(os.open("/", os.O_RDONLY))
    except PermissionError:
        return
    raise LayerFailed(LAYER, "the system accepted it and still opens files")
