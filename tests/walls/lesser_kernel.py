"""Runs a Python command line as it would go on a lesser kernel, under an ordinary user, or both.

Started as a module: `lesser_kernel CALL:ERROR,... USER COMMAND...`. The named calls, `landlock` or `seccomp`, fail
with the given error from now on, for this process and all that it starts, which is what a program sees of a kernel
without them; with SUCCESS they do nothing and say that they did. USER is a user's number, or `same`; a new user keeps
one right of root, to find the way to an interpreter that lies in root's own folder.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

from worker_sandbox import seccomp
from worker_sandbox.syscalls import LIBC, capset, prctl

PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, PR_SET_NO_NEW_PRIVS = 8, 47, 2, 38
CAP_DAC_READ_SEARCH = 2
FAIL_WITH = 0x00050000
LANDLOCK = {"landlock": 444, "landlock_restrict_self": 446}
PRCTL = {"x86_64": 157, "aarch64": 167}
FIRST_ARGUMENT = 16


def refuse(call: str, number: int) -> None:
    """Install a filter that lets everything through but one call, which fails."""
    machine = os.uname().machine
    line = seccomp._line
    if call in LANDLOCK:
        match = [line(seccomp.LOAD, seccomp.NUMBER), line(seccomp.JUMP_IF_EQUAL, LANDLOCK[call], if_false=1)]
    else:
        match = [
            line(seccomp.LOAD, seccomp.NUMBER),
            line(seccomp.JUMP_IF_EQUAL, PRCTL[machine], if_false=3),
            line(seccomp.LOAD, FIRST_ARGUMENT),
            line(seccomp.JUMP_IF_EQUAL, seccomp.PR_SET_SECCOMP, if_false=1),
        ]
    program = b"".join([*match, line(seccomp.RETURN, FAIL_WITH | number), line(seccomp.RETURN, seccomp.ALLOW)])
    code = ctypes.create_string_buffer(program, len(program))
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(seccomp.PR_SET_SECCOMP, seccomp.MODE_FILTER, struct.pack("@HP", len(program) // 8, ctypes.addressof(code)))


def become(user: int) -> None:
    """Become an ordinary user with a single right of root."""
    right = struct.pack("=6I", *[1 << CAP_DAC_READ_SEARCH] * 3, 0, 0, 0)
    prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    capset(struct.pack("=Ii", 0x20080522, 0), right)
    zero = ctypes.c_ulong(0)
    if LIBC.prctl(
        PR_CAP_AMBIENT, ctypes.c_ulong(PR_CAP_AMBIENT_RAISE), ctypes.c_ulong(CAP_DAC_READ_SEARCH), zero, zero
    ):
        raise OSError(ctypes.get_errno(), "the right cannot be handed on")


def main() -> None:
    refused, user, *command = sys.argv[1:]
    if user != "same" and os.getuid() == 0:
        become(int(user))
    # seccomp last: nothing more can be refused after it.
    for each in sorted(filter(None, refused.split(","))):
        call, name = each.split(":")
        refuse(call, getattr(errno, name, 0))
    os.execv(sys.executable, [sys.executable, *command])


if __name__ == "__main__":
    main()
