"""From inside the child, in Python, after the lock-down: the operating system's walls by themselves.

Each attack is run three times: behind all walls, where the seccomp filter kills whoever tries; behind each single wall
that is said to stop it; and behind none, where it must succeed, or it would prove nothing.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from tests import sandbox
from tests.walls.runs import Observed, observe_python
from worker_sandbox import landlock

# One wall, or several that stop an attack together, and the error that they answer with.
FILES, PORTS, SCOPES = "LANDLOCK files", "LANDLOCK ports", "LANDLOCK scopes"
FIELDS = {FILES: 0, PORTS: 1, SCOPES: 2}
TCP_BITS, SIGNAL_BIT, ABSTRACT_SOCKET_BIT = 3, 2, 1
NEEDED_BITS = {FILES: 0x1FFF, PORTS: TCP_BITS, SCOPES: SIGNAL_BIT | ABSTRACT_SOCKET_BIT}
NOFILE, USER = "RLIMIT_NOFILE", "USER"
NPROC = "USER,RLIMIT_NPROC"  # The kernel exempts root from the limit.
KILLED = "forbidden system call"


@dataclasses.dataclass(frozen=True)
class Attack:
    """code: Python that calls `say` once with `outcome`. walls: what stops it besides seccomp, and how.

    is_harmless: it may be tried behind no wall at all; free: what it says then.
    """

    code: str
    walls: dict[str, str] = dataclasses.field(default_factory=dict)
    is_harmless: bool = True
    free: str = "done"


def calling(call: str, **options: object) -> Attack:
    """An attack of one expression."""
    return Attack(f"say(outcome(lambda: {call}))", **options)  # type: ignore[arg-type]


def closing_first(call: str, **options: object) -> Attack:
    """The same, with a descriptor to spare, so that Landlock is asked and not the limit on files."""
    return Attack(f"os.close(0); say(outcome(lambda: {call}))", **options)  # type: ignore[arg-type]


def in_child(code: str) -> str:
    """An expression that makes a process by `code`, ends it at once and reaps it."""
    return f"(lambda pid: os._exit(0) if pid == 0 else os.waitpid(pid, 0))({code})"


LIBC = "syscalls.LIBC"
CHECKED = "syscalls._checked"
# Eight bytes here, and eight where no process has any.
PARTS = (
    "room = ctypes.create_string_buffer(8)\n"
    "mine, its = struct.pack('PN', ctypes.addressof(room), 8), struct.pack('PN', 4096, 8)\n"
)

FILE_ATTACKS = {
    "read a file": closing_first("os.open('/etc/passwd', os.O_RDONLY)", walls={FILES: "EACCES"}),
    "read a file past the descriptor limit": calling("os.open('/etc/passwd', os.O_RDONLY)", walls={NOFILE: "EMFILE"}),
    "read the password hashes": closing_first(
        "os.open('/etc/shadow', os.O_RDONLY)", walls={FILES: "EACCES", USER: "EACCES"}
    ),
    "list the root folder": closing_first("os.listdir('/')", walls={FILES: "EACCES"}),
    "list /proc": closing_first("os.listdir('/proc')", walls={FILES: "EACCES"}),
    "read the parent's environment": closing_first(
        "open(f'/proc/{PARENT}/environ', 'rb', 0).read()", walls={FILES: "EACCES", USER: "EACCES"}
    ),
    "read the parent's memory": closing_first(
        "os.open(f'/proc/{PARENT}/mem', os.O_RDWR)", walls={FILES: "EACCES", USER: "EACCES"}
    ),
    "read one's own memory": closing_first("os.open('/proc/self/mem', os.O_RDWR)", walls={FILES: "EACCES"}),
    "make a file": closing_first(
        "os.close(os.open(f'/tmp/wall-{os.getpid()}', os.O_CREAT | os.O_WRONLY)) or "
        "os.unlink(f'/tmp/wall-{os.getpid()}')",
        walls={FILES: "EACCES"},
    ),
    "fill a file": Attack(
        "path = f'/tmp/wall-{os.getpid()}'\n"
        "file = os.open(path, os.O_CREAT | os.O_RDWR)\nos.unlink(path)\nsay(outcome(lambda: os.write(file, b'x')))",
        walls={"RLIMIT_FSIZE": "EFBIG"},
    ),
    "make a folder": calling(
        "os.mkdir(f'/tmp/wall-{os.getpid()}') or os.rmdir(f'/tmp/wall-{os.getpid()}')", walls={FILES: "EACCES"}
    ),
    "make a link": calling(
        "os.symlink('/etc', f'/tmp/wall-{os.getpid()}') or os.unlink(f'/tmp/wall-{os.getpid()}')",
        walls={FILES: "EACCES"},
    ),
    "make a named pipe": calling(
        "os.mkfifo(f'/tmp/wall-{os.getpid()}') or os.unlink(f'/tmp/wall-{os.getpid()}')", walls={FILES: "EACCES"}
    ),
    "look at a file's size": calling("os.stat('/etc/passwd')"),
    "change folder": calling("os.chdir('/etc')"),
    "make a file in memory": calling("os.memfd_create('x')", walls={NOFILE: "EMFILE"}),
    "duplicate a descriptor": calling("os.dup(1)", walls={NOFILE: "EMFILE"}),
    "make a pipe": calling("os.pipe()", walls={NOFILE: "EMFILE"}),
    "close the way out": calling("os.close(2)"),
    "map a file": closing_first(
        "mmap.mmap(os.open('/etc/passwd', os.O_RDONLY), 0, prot=mmap.PROT_READ)", walls={FILES: "EACCES"}
    ),
}

PROCESS_ATTACKS = {
    "fork": calling(in_child("os.fork()"), walls={NPROC: "EAGAIN"}),
    "spawn": closing_first(
        "os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)", walls={NPROC: "EAGAIN", FILES: "EACCES"}
    ),
    "start a thread": calling(
        "__import__('_thread').start_new_thread(time.sleep, (0,))", walls={NPROC: "RuntimeError"}
    ),
    "leave a session and a process behind": Attack(
        "def leave():\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n        os.setsid(); os._exit(0)\n"
        "    os.waitpid(pid, 0)\n"
        "say(outcome(leave))",
        walls={NPROC: "EAGAIN"},
    ),
    "run a program": closing_first("os.execv('/bin/true', ['true'])", walls={FILES: "EACCES"}, free=""),
    "run the interpreter": closing_first(
        "os.execv(sys.executable, ['python', '-c', ''])", walls={FILES: "EACCES"}, free=""
    ),
    "lower the parent's priority": calling("os.setpriority(os.PRIO_PROCESS, PARENT, 1)", is_harmless=False),
    "bind the parent to a core": calling(
        "os.sched_setaffinity(PARENT, os.sched_getaffinity(PARENT))", walls={USER: "EPERM"}
    ),
    "limit the parent": calling(
        "resource.prlimit(PARENT, resource.RLIMIT_CORE, resource.getrlimit(resource.RLIMIT_CORE))",
        walls={USER: "EPERM"},
        is_harmless=False,
    ),
    "raise one's own limits": calling(
        "resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9))", walls={"USER,RLIMIT_NOFILE": "ValueError"}
    ),
    "become root": calling("os.setresuid(0, 0, 0)", walls={USER: "EPERM"}, is_harmless=False),
    "become another": calling("os.setresgid(1, 1, 1)", walls={USER: "EPERM"}, is_harmless=False),
    "drop the wish to die with the parent": calling(f"{CHECKED}({LIBC}.prctl(1, 0))"),
    "become dumpable": calling(f"{CHECKED}({LIBC}.prctl(4, 1))"),
    "ignore the limit on processor time": calling("signal.signal(signal.SIGXCPU, signal.SIG_IGN)"),
    "block signals": calling("signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])"),
    "set an alarm": calling("signal.alarm(1)"),
    "sleep": calling("time.sleep(0.01)"),
    "look at who the parent is": calling("os.getppid()"),
}

SIGNAL_ATTACKS = {
    "signal the parent": calling("os.kill(PARENT, 0)", walls={USER: "EPERM", SCOPES: "EPERM"}),
    "signal a thread of the parent": calling(
        f"{CHECKED}({LIBC}.tgkill(PARENT, PARENT, 0))", walls={USER: "EPERM", SCOPES: "EPERM"}
    ),
    "signal the parent's group": calling("os.killpg(os.getpgid(PARENT), 0)", walls={USER: "EPERM", SCOPES: "EPERM"}),
    "queue a signal to the parent": calling(
        f"{CHECKED}({LIBC}.sigqueue(PARENT, 0, None))", walls={USER: "EPERM", SCOPES: "EPERM"}
    ),
    "signal the parent by a descriptor": Attack(
        "os.close(0)\nfile = os.pidfd_open(PARENT)\nsay(outcome(lambda: signal.pidfd_send_signal(file, 0)))",
        walls={USER: "EPERM", SCOPES: "EPERM"},
    ),
    "hold the parent by a descriptor": calling("os.pidfd_open(PARENT)", walls={NOFILE: "EMFILE"}),
    "signal everybody": calling("os.kill(-1, 0)", is_harmless=False),
    "kill itself": calling("os.kill(os.getpid(), signal.SIGKILL)", free=""),
    "abort": calling("os.abort()", free=""),
    "trace the parent": calling(
        f"{CHECKED}({LIBC}.ptrace(0x4206, PARENT, 0, 0))", walls={USER: "EPERM"}, is_harmless=False
    ),
    "be traced": calling(f"{CHECKED}({LIBC}.ptrace(0, 0, 0, 0))"),
    "read the parent's memory by a call": Attack(
        f"{PARTS}say(outcome(lambda: {CHECKED}({LIBC}.process_vm_readv(PARENT, mine, 1, its, 1, 0))))",
        walls={USER: "EPERM"},
        free="EFAULT",
    ),
    "write the parent's memory by a call": Attack(
        f"{PARTS}say(outcome(lambda: {CHECKED}({LIBC}.process_vm_writev(PARENT, mine, 1, its, 1, 0))))",
        walls={USER: "EPERM"},
        free="EFAULT",
    ),
}

SOCKET_ATTACKS = {
    **{
        f"open a socket of the family {family}": calling(
            f"socket.socket(socket.{family}, socket.{kind})", walls={NOFILE: "EMFILE"}
        )
        for family, kind in [
            ("AF_INET", "SOCK_STREAM"),
            ("AF_INET", "SOCK_DGRAM"),
            ("AF_UNIX", "SOCK_STREAM"),
            ("AF_UNIX", "SOCK_DGRAM"),
            ("AF_NETLINK", "SOCK_RAW"),
        ]
    },
    "open a socket of the family AF_INET6": calling("socket.socket(socket.AF_INET6)", is_harmless=False),
    "open a socket for packets": calling(
        "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", walls={"CAPABILITIES": "EPERM"}, is_harmless=False
    ),
    "open a raw socket": calling(
        "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)", walls={"CAPABILITIES": "EPERM"}, is_harmless=False
    ),
    "make a pair of sockets": calling("socket.socketpair()", walls={NOFILE: "EMFILE"}),
    "connect to a server": Attack(
        "os.close(0)\nsay(outcome(lambda: socket.socket().connect(('127.0.0.1', 1))))",
        walls={PORTS: "EACCES"},
        free="ECONNREFUSED",
    ),
    "be a server": Attack(
        "os.close(0)\nsay(outcome(lambda: socket.socket().bind(('127.0.0.1', 0))))", walls={PORTS: "EACCES"}
    ),
    "send a datagram": Attack(
        "os.close(0)\nsay(outcome(lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))))",
    ),
    "resolve a name": calling("socket.getaddrinfo('localhost', 1)"),
}

KERNEL_ATTACKS = {
    "map memory to be executed": calling("mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)"),
    "make memory executable": Attack(
        "memory = mmap.mmap(-1, 4096)\n"
        "place = ctypes.addressof(ctypes.c_char.from_buffer(memory))\n"
        f"say(outcome(lambda: {CHECKED}({LIBC}.mprotect(ctypes.c_void_p(place), ctypes.c_size_t(4096), 5))))"
    ),
    "make memory executable by its key": Attack(
        "memory = mmap.mmap(-1, 4096)\n"
        "place = ctypes.addressof(ctypes.c_char.from_buffer(memory))\n"
        f"say(outcome(lambda: {CHECKED}({LIBC}.pkey_mprotect(ctypes.c_void_p(place), ctypes.c_size_t(4096), 5, -1))))"
    ),
    "leave the name spaces": calling(f"{CHECKED}({LIBC}.unshare(0))"),
    "change the personality": calling(f"{CHECKED}({LIBC}.personality(0xFFFFFFFF))"),
    "watch files": calling(f"{CHECKED}({LIBC}.inotify_init())", walls={NOFILE: "EMFILE"}),
    "make an epoll": calling(f"{CHECKED}({LIBC}.epoll_create(1))", walls={NOFILE: "EMFILE"}),
    "make an event": calling(f"{CHECKED}({LIBC}.eventfd(0, 0))", walls={NOFILE: "EMFILE"}),
    "share memory": calling(f"{CHECKED}({LIBC}.shmget(0, 4096, 0o1600))", is_harmless=False),
    "lock memory": calling(f"{CHECKED}({LIBC}.munlockall())"),
    "change the root": calling("os.chroot('/')", walls={"CAPABILITIES": "EPERM", USER: "EPERM"}, is_harmless=False),
    "mount": calling(f"{CHECKED}({LIBC}.mount(b'/', b'/nowhere', b'tmpfs', 0, None))", is_harmless=False),
    "set the clock": calling("time.clock_settime(time.CLOCK_REALTIME, -1)", is_harmless=False),
    "rename the host": calling("socket.sethostname('x')", walls={"CAPABILITIES": "EPERM"}, is_harmless=False),
    # By number: these are the same on every architecture.
    "io_uring_setup": calling("syscalls.syscall(425, 1, None)", is_harmless=False),
    "pidfd_getfd": calling("syscalls.syscall(438, -1, 0, 0)", is_harmless=False),
    "clone3": calling("syscalls.syscall(435, None, 0)", is_harmless=False),
    "openat2": calling("syscalls.syscall(437, -100, None, None, 0)", is_harmless=False),
    "open_tree": calling("syscalls.syscall(428, -100, None, 0)", is_harmless=False),
    "process_madvise": calling("syscalls.syscall(440, -1, None, 0, 0, 0)", is_harmless=False),
    "a second filter": calling("seccomp.allow_few_calls()", is_harmless=False),
}

ATTACKS = FILE_ATTACKS | PROCESS_ATTACKS | SIGNAL_ATTACKS | SOCKET_ATTACKS | KERNEL_ATTACKS
SINGLE_WALLS = [(name, wall) for name, attack in ATTACKS.items() for wall in attack.walls]


def what(seen: Observed) -> str:
    """What the child said; empty: it said nothing."""
    return seen.said[0] if seen.said else ""


def is_up(wall: str) -> bool:
    """Whether this machine and this user have the wall, by the same check as the operator's."""
    layers = wall.split()[0].split(",")
    if not all(sandbox.holds(layer) for layer in layers):
        return False
    if wall in FIELDS:
        bits = NEEDED_BITS[wall]
        return landlock.find_bits(FIELDS[wall]) & bits == bits
    return wall != USER or os.geteuid() == 0  # An ordinary user has nobody else to become.


@pytest.mark.parametrize("name", ATTACKS)
def test_behind_all_walls_every_attack_is_killed_by_its_first_call(name: str) -> None:
    seen = observe_python(ATTACKS[name].code)
    if sandbox.holds("SECCOMP"):
        assert KILLED in seen.message
        assert seen.said == []
    elif ATTACKS[name].walls:
        assert what(seen) != "done"


@pytest.mark.parametrize(("name", "wall"), SINGLE_WALLS)
def test_a_single_wall_stops_the_attack_that_it_is_there_for(name: str, wall: str) -> None:
    attack = ATTACKS[name]
    if not is_up(wall):
        assert wall.startswith(("LANDLOCK", USER))  # All others are everywhere.
        return
    # Without the second, which stops none of these, an ordinary user may not put Landlock up.
    assert what(observe_python(attack.code, only=f"{wall.split()[0]},NO_NEW_PRIVS")) == attack.walls[wall]


@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if attack.is_harmless])
def test_without_walls_the_attack_succeeds(name: str) -> None:
    seen = observe_python(ATTACKS[name].code, only="")
    allowed = {ATTACKS[name].free}
    if os.geteuid() != 0 and USER in ATTACKS[name].walls:
        allowed |= {"EPERM", "EACCES"}  # Root's own doing; an ordinary user was never allowed to.
    assert what(seen) in allowed
    assert KILLED not in seen.message


def test_nothing_is_left_of_attacks_on_files() -> None:
    assert not list(Path("/tmp").glob("wall-*"))
