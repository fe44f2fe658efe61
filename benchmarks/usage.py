"""What processes take, read from /proc: time and memory of a process group, and of a database server's processes."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclasses.dataclass(frozen=True)
class Sample:
    """One process at one moment."""

    pid: int
    parent: int
    group: int
    cpu_s: float  # user and system, of this process, and of its children that have ended
    memory_bytes: int  # resident


@dataclasses.dataclass(frozen=True)
class Spent:
    """What server and database took while somebody measured, what the whole machine did, and the server's memory."""

    server_s: float
    database_s: float
    machine_s: float
    server_bytes: int


def iter_samples() -> Iterator[Sample]:
    """Go through all processes."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                yield parse_stat((folder / "stat").read_text())
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended


def parse_stat(text: str) -> Sample:
    """Read a line of /proc/PID/stat (proc(5)). The name, in brackets, may hold anything, brackets too."""
    before, _, after = text.rpartition(")")
    fields = after.split()
    ticks = sum(int(field) for field in fields[11:15])
    return Sample(
        pid=int(before.split(" ", 1)[0]),
        parent=int(fields[1]),
        group=int(fields[2]),
        cpu_s=ticks / TICKS_PER_S,
        memory_bytes=int(fields[21]) * PAGE_BYTES,
    )


def read_machine_s() -> float:
    """Return for how long the machine's cores have worked since it started, or were taken from it (proc(5))."""
    user, nice, system, _idle, _waiting, irq, soft_irq, stolen = _read_cores()
    return (user + nice + system + irq + soft_irq + stolen) / TICKS_PER_S


def _read_cores() -> list[int]:
    with open("/proc/stat") as lines:
        return [int(field) for field in lines.readline().split()[1:9]]


class Meter:
    """Takes what a server's process group, and its database's processes, spend between `start` and `stop`.

    Args:
        group: the server's process group.
        database: process id of the database server; None where the database is in the server (SQLite).
    """

    def __init__(
        self, group: int, database: int | None, samples: Callable[[], Iterator[Sample]] = iter_samples
    ) -> None:
        self._group = group
        self._database = database
        self._samples = samples
        self._before = Spent(0.0, 0.0, 0.0, 0)

    def start(self) -> None:
        """Begin."""
        self._before = self._read()

    def stop(self) -> Spent:
        """End, and return what was spent since `start`."""
        before, now = self._before, self._read()
        return Spent(
            now.server_s - before.server_s,
            now.database_s - before.database_s,
            now.machine_s - before.machine_s,
            now.server_bytes,
        )

    def read_memory(self) -> int:
        """Return the server's resident memory, all its processes together."""
        return self._read().server_bytes

    def _read(self) -> Spent:
        samples = list(self._samples())
        server = [sample for sample in samples if sample.group == self._group]
        database = [sample for sample in samples if self._database in (sample.pid, sample.parent)]
        return Spent(
            sum(sample.cpu_s for sample in server),
            sum(sample.cpu_s for sample in database),
            read_machine_s(),
            sum(sample.memory_bytes for sample in server),
        )


def find_children(pid: int) -> list[int]:
    """Return the process ids of the children that any thread of a process has started."""
    return [sample.pid for sample in iter_samples() if sample.parent == pid]


def find_worker(group: int) -> int:
    """Return the process id of the only worker of a server: whose parent is the one that the group is named after."""
    (worker,) = (sample.pid for sample in iter_samples() if sample.parent == group)
    return worker


def read_memory(pid: int) -> int:
    """Return the resident memory of a process, in bytes."""
    return _read_status(pid, "VmRSS:")


def forget_peak_memory(pid: int) -> None:
    """Make a process' peak what it has now: the hash of a password, at its start, takes more than anything else."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def read_peak_memory(pid: int) -> int:
    """Return the most resident memory that a process has had since its peak was forgotten, in bytes (proc(5))."""
    return _read_status(pid, "VmHWM:")


def _read_status(pid: int, name: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split(name)[1].split()[0]) * 1024
