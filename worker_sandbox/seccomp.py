"""The seccomp filter: the few system calls that a generator's engine makes; any other kills the process.

See seccomp(2); the filter is a program for the kernel's classic BPF machine. Runs in the child.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

from worker_sandbox.syscalls import LayerAbsent, LayerFailed, prctl

LAYER = "SECCOMP"
PR_SET_SECCOMP = 22
MODE_FILTER = 2

# machine -> how the kernel calls it (linux/audit.h)
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# name -> (number on x86_64, number on aarch64); None: that machine has no such call.
ALLOWED = {
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "munmap": (11, 215),
    "brk": (12, 214),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "futex": (202, 98),
    "sched_yield": (24, 124),
    "restart_syscall": (219, 128),
    "rt_sigreturn": (15, 139),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "getrusage": (98, 165),
    "getrandom": (318, 278),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
# Allowed unless their third argument, the protection, says that the memory may be executed.
ALLOWED_WITHOUT_EXEC = {"mmap": (9, 222), "mprotect": (10, 226)}

LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
JUMP_IF_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
JUMP_IF_ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
RETURN = 0x06  # BPF_RET | BPF_K
KILL_PROCESS = 0x80000000
ALLOW = 0x7FFF0000
PROT_EXEC = 4
# Offsets in `struct seccomp_data`; of the third argument the low half, on a little-endian machine.
NUMBER, ARCHITECTURE, THIRD_ARGUMENT = 0, 4, 32


def allow_few_calls() -> None:
    """Install the filter for good. Raises OSError, and LayerAbsent where the kernel or this table has none.

    Needs NO_NEW_PRIVS.
    """
    machine = os.uname().machine
    if machine not in ARCHITECTURES or sys.maxsize < 2**32:
        raise LayerAbsent(LAYER, f"there is no list of system calls for this machine ({machine})")
    _see_it_is_there()
    program = build_filter(machine)
    code = ctypes.create_string_buffer(program, len(program))
    # `struct sock_fprog`: the number of instructions and where they are.
    prctl(PR_SET_SECCOMP, MODE_FILTER, struct.pack("@HP", len(program) // 8, ctypes.addressof(code)))


def build_filter(machine: str) -> bytes:
    """Return the program for one machine, 8 bytes an instruction.

    A number of the x32 interface has the same architecture and one bit more, so it is on no list.
    """
    column = list(ARCHITECTURES).index(machine)
    plain = [numbers[column] for numbers in ALLOWED.values() if numbers[column] is not None]
    checked = [numbers[column] for numbers in ALLOWED_WITHOUT_EXEC.values()]
    count = len(plain) + len(checked)
    lines = [
        _line(LOAD, ARCHITECTURE),
        _line(JUMP_IF_EQUAL, ARCHITECTURES[machine], if_true=1),
        _line(RETURN, KILL_PROCESS),
        _line(LOAD, NUMBER),
    ]
    # After the comparisons: kill; then the look at the protection (two lines), kill, allow.
    lines += [_line(JUMP_IF_EQUAL, number, if_true=count - at + 3) for at, number in enumerate(plain)]
    lines += [_line(JUMP_IF_EQUAL, number, if_true=len(checked) - at) for at, number in enumerate(checked)]
    lines += [
        _line(RETURN, KILL_PROCESS),
        _line(LOAD, THIRD_ARGUMENT),
        _line(JUMP_IF_ANY_BIT, PROT_EXEC, if_false=1),
        _line(RETURN, KILL_PROCESS),
        _line(RETURN, ALLOW),
    ]
    return b"".join(lines)


def _line(code: int, value: int | None, if_true: int = 0, if_false: int = 0) -> bytes:
    """`struct sock_filter`. The jumps count the lines that are left out."""
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _see_it_is_there() -> None:
    """Ask for a filter without a program, which a kernel that has filters refuses in words of its own."""
    try:
        prctl(PR_SET_SECCOMP, MODE_FILTER, None)
    except OSError as error:
        if error.errno == errno.EFAULT:
            return
        if error.errno == errno.EINVAL:
            raise LayerAbsent(LAYER, "the kernel does not have it") from error
        raise
    raise LayerFailed(LAYER, "the system accepts a filter that is none")
