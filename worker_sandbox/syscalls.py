"""The C library's functions that Python does not offer, each with its return value checked.

Runs in the child: it imports no more than it must. (`ctypes` takes 3 ms, which is the price of doing without
an extension module of our own.)
"""

from __future__ import annotations

import ctypes
import os

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long


class LayerFailed(Exception):
    """A layer of the sandbox could not be put up, so nothing untrusted may run.

    layer: its name, as the operator's manuals call it. detail: why.
    """

    def __init__(self, layer: str, detail: object) -> None:
        super().__init__(f"{layer}: {detail}")
        self.layer = layer
        self.detail = str(detail)


class LayerAbsent(LayerFailed):
    """The kernel does not have this layer at all, which an operator may accept."""


def prctl(option: int, value: int = 0, pointer: bytes | None = None) -> int:
    """Call prctl(2) and return what it returns. pointer: to what, in place of a third number. Raises OSError."""
    third = ctypes.c_ulong(0) if pointer is None else pointer
    return _checked(LIBC.prctl(option, ctypes.c_ulong(value), third, ctypes.c_ulong(0), ctypes.c_ulong(0)))


def syscall(number: int, *arguments: int | bytes | None) -> int:
    """Make one raw system call and return what it returns. bytes are passed as a pointer. Raises OSError."""
    return _checked(LIBC.syscall(ctypes.c_long(number), *map(_argument, arguments)))


def capset(header: bytes, data: bytes) -> int:
    """Call capset(2). Raises OSError."""
    return _checked(LIBC.capset(header, data))


def _argument(value: int | bytes | None) -> ctypes.c_ulong | bytes | None:
    # As wide as a register: ctypes alone would pass 32 bits of an integer.
    return ctypes.c_ulong(value) if isinstance(value, int) else value


def _checked(returned: int) -> int:
    if returned < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return returned
