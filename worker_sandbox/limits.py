"""What one run of a dataset generator may use. `lockdown.py` sets what the operating system keeps of it."""

from __future__ import annotations

from dataclasses import dataclass

MB = 2**20


@dataclass(frozen=True)
class Limits:
    """Every limit of one run. Sizes are in bytes, times in seconds."""

    wall_s: float = 5.0
    """How long the parent waits for the child, in all. The time that the consumer takes does not count."""
    cpu_s: int = 6
    """Processor time of the child: what ends a child whose parent is busy elsewhere."""
    life_cpu_s: int | None = None
    """Processor time of a child over its whole life, where the parent allows `cpu_s` with each request; None: it does
    not. The child starts with all of it, because a parent that may not allow any could not give it more.
    """
    datasets: int = 1_000_000
    total_bytes: int = 64 * MB
    """All datasets of this run together, as msgpack."""
    dataset_bytes: int = 1 * MB
    """One dataset, as msgpack and as JSON."""
    depth: int = 64
    """Levels of objects and arrays; the dataset itself is the first."""
    memory_bytes: int = 256 * MB
    """What the JavaScript engine may allocate."""
    address_space_bytes: int = 768 * MB
    """The whole child, its Python included."""
    stack_bytes: int = 512 * 1024
    """The JavaScript engine's own stack, well below the 8 MB of the thread that it runs on."""
    chunk: int = 1000
    """Datasets in one list of the iterator, at most."""
    chunk_bytes: int = 256 * 1024
    """A chunk ends early when its JSON text reaches this many UTF-16 units."""

    best_effort: bool = False
    """Go on without Landlock or seccomp where the kernel does not have them."""

    @property
    def frame_bytes(self) -> int:
        """The longest frame an honest child sends, or more.

        A chunk one unit short of full and one more dataset, each UTF-16 unit at most three bytes of UTF-8;
        never less than a failure report needs.
        """
        return 3 * (self.chunk_bytes + self.dataset_bytes) + 64 * 1024

    @property
    def resources(self) -> list[tuple[str, int, int]]:
        """(name in the module `resource`, soft, hard) of every limit that the operating system keeps.

        The soft limit on processor time ends the child with SIGXCPU, which can be told apart; the hard one,
        with SIGKILL, cannot.
        """
        return [
            ("RLIMIT_CORE", 0, 0),
            ("RLIMIT_FSIZE", 0, 0),
            ("RLIMIT_NOFILE", 3, 3),
            ("RLIMIT_NPROC", 0, 0),
            ("RLIMIT_CPU", self.life_cpu_s or self.cpu_s, self.life_cpu_s or self.cpu_s + 1),
            ("RLIMIT_AS", self.address_space_bytes, self.address_space_bytes),
        ]
