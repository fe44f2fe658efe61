"""Every layer is put up or nothing runs; what the operator is told; and who may be the one to start it all."""

from __future__ import annotations

import functools
import json
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import Settings, describe
from tests import sandbox
from tests.walls.runs import observe_python
from worker_sandbox import Limits, SandboxUnavailable, check, generate, landlock, lockdown, seccomp

ROOT = Path(__file__).resolve().parent.parent.parent
ORDINARY = "65533"
PROGRAM = """
import json, sys
import worker_sandbox
from pathlib import Path
result = {}
try:
    with worker_sandbox.generate(
        "({ *main() { yield { a: 1 }; for (;;) yield {}; } })", seed=1, now_ms=0,
        limits=worker_sandbox.Limits(chunk=1, best_effort=sys.argv[1] == "best-effort"),
    ) as run:
        result["blobs"] = [blob.hex() for blob in next(run)]
        result["status"] = Path(f"/proc/{run.pid}/status").read_text()
except worker_sandbox.SandboxUnavailable as error:
    result["layer"] = error.layer
    result["message"] = str(error)
print(json.dumps(result))
"""


def run_lesser(refused: str, user: str, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a Python command line on a lesser kernel."""
    script = ["-m", "tests.walls.lesser_kernel", refused if can_be_lessened() else "", user, *command]
    given = {**os.environ, "SANDBOX": "", **environ}
    return subprocess.run([sys.executable, *script], cwd=ROOT, env=given, capture_output=True, text=True, timeout=60)


@functools.cache
def generate_lesser(refused: str, user: str, effort: str) -> dict[str, object]:
    """What became of a generator on a lesser kernel."""
    done = run_lesser(refused, user, "-c", PROGRAM, effort)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def field_of(result: dict[str, object], name: str) -> str:
    """A line of the child's own status, by the kernel's account."""
    lines = str(result["status"]).splitlines()
    return next(line.split(":", 1)[1].strip() for line in lines if line.startswith(f"{name}:"))


def can_be_lessened() -> bool:
    """Whether this machine can be made to look like a lesser one: that takes a filter."""
    return sandbox.holds("SECCOMP") or "SECCOMP" not in lacking()


def lacking() -> list[str]:
    """The layers that this very machine lacks."""
    return [name for name, layer in sandbox.find_layers().items() if layer.state == "absent"]


EFFORT = "best-effort" if lacking() else "strict"
RAN = ["81a16101"]  # {a: 1}, as msgpack.


# --- fail closed -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("refused", "layer"), [("landlock:ENOSYS", "LANDLOCK"), ("landlock:EOPNOTSUPP", "LANDLOCK")])
@pytest.mark.parametrize("user", ["same", ORDINARY])
def test_a_kernel_without_landlock_runs_nothing_and_the_layer_is_named(refused: str, layer: str, user: str) -> None:
    result = generate_lesser(refused, user, "strict")
    assert "blobs" not in result
    assert result["layer"] == (layer if can_be_lessened() else lacking()[0])
    assert f"not available: {result['layer']}: the kernel does not have it" in str(result["message"])


def test_a_kernel_without_seccomp_runs_nothing_and_the_layer_is_named() -> None:
    result = generate_lesser("seccomp:EINVAL", "same", "strict")
    assert "blobs" not in result
    assert result["layer"] == (["SECCOMP"] if "LANDLOCK" not in lacking() else ["LANDLOCK"])[0]


@pytest.mark.parametrize("refused", ["landlock:ENOSYS", "seccomp:EINVAL", "landlock:ENOSYS,seccomp:EINVAL"])
def test_best_effort_goes_on_without_what_the_kernel_does_not_have(refused: str) -> None:
    result = generate_lesser(refused, "same", "best-effort")
    assert result["blobs"] == RAN
    assert field_of(result, "NoNewPrivs") == "1"  # All other layers are up.


@pytest.mark.parametrize(
    "refused",
    ["landlock:EPERM", "landlock:EMFILE", "landlock_restrict_self:SUCCESS", "seccomp:EPERM", "seccomp:SUCCESS"],
)
@pytest.mark.parametrize("effort", ["strict", "best-effort"])
def test_a_layer_that_is_there_and_fails_stops_everything_also_with_best_effort(refused: str, effort: str) -> None:
    name = refused.partition(":")[0].partition("_")[0].upper()
    if not can_be_lessened():
        assert effort == "strict" or "blobs" in generate_lesser("", "same", effort)
        return
    result = generate_lesser(refused, "same", effort)
    assert "blobs" not in result
    # What this machine lacks itself is the first to be named.
    assert result["layer"] in {name, *lacking()}


def test_what_was_left_out_on_a_lesser_kernel_is_what_the_check_says() -> None:
    done = run_lesser("landlock:ENOSYS", "same", "-m", "app", "sandbox", "check")
    lines = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines()}
    assert done.returncode == 1
    assert lines["LANDLOCK"] == ("absent" if can_be_lessened() else sandbox.find_layers()["LANDLOCK"].state)
    assert lines["ENGINE"] == "failed"
    assert lines["SECCOMP"] == sandbox.find_layers()["SECCOMP"].state


def test_with_best_effort_the_check_says_absent_and_that_generators_run() -> None:
    done = run_lesser("landlock:ENOSYS", "same", "-m", "app", "sandbox", "check", SANDBOX="best-effort")
    lines = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines()}
    assert (done.returncode, lines["ENGINE"]) == (1, "holds")
    assert "absent" in lines.values()


@pytest.mark.parametrize("refused", ["seccomp:EPERM", "seccomp:SUCCESS"])
def test_a_layer_that_fails_is_told_by_the_check(refused: str) -> None:
    done = run_lesser(refused, "same", "-m", "app", "sandbox", "check")
    assert done.returncode == 1
    assert f"SECCOMP        {'failed' if can_be_lessened() else 'absent'}" in done.stdout


# --- the check -------------------------------------------------------------------------------------------------------


def test_the_check_prints_every_layer_on_a_line_and_its_exit_code_says_whether_all_hold() -> None:
    done = run_lesser("", "same", "-m", "app", "sandbox", "check", SANDBOX=EFFORT)
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == [name for name, _ in lockdown.layers(Limits().resources, 0)] + ["ENGINE"]
    assert done.returncode == (1 if lacking() else 0), done.stdout


def test_the_check_names_the_version_of_landlock() -> None:
    if sandbox.holds("LANDLOCK"):
        assert sandbox.find_layers()["LANDLOCK"].detail == f"version {landlock.find_version()}"
    else:
        assert sandbox.find_layers()["LANDLOCK"].state == "absent"


def test_the_check_of_an_interpreter_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert [(layer.name, layer.state) for layer in check()] == [("start", "failed")]


def test_the_setting_takes_two_words() -> None:
    assert Settings.from_environ({"SANDBOX": "best-effort"}).sandbox == "best-effort"
    assert {name: value for name, value, _ in describe(Settings())}["SANDBOX"] == "strict"


# --- who starts it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["same", ORDINARY])
def test_root_and_an_ordinary_user_both_run_generators_behind_all_layers(user: str) -> None:
    result = generate_lesser("", user, EFFORT)
    assert result.get("blobs") == RAN, result
    expected = "65534" if os.getuid() == 0 and user == "same" else str(os.getuid() or ORDINARY)
    assert field_of(result, "Uid").split() == [expected] * 4
    assert field_of(result, "NoNewPrivs") == "1"
    assert field_of(result, "Seccomp") == "2" or not sandbox.holds("SECCOMP")
    assert field_of(result, "Threads") == "1"
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(field_of(result, name), 16) == 0


def test_root_leaves_all_its_groups() -> None:
    result = generate_lesser("", "same", EFFORT)
    if os.getuid() == 0:
        assert field_of(result, "Groups") == ""
        assert field_of(result, "Gid").split() == ["65534"] * 4
    else:
        assert field_of(result, "Gid").split() == [str(os.getgid())] * 4


def test_one_layer_does_not_depend_on_another_having_been_left_out() -> None:
    for name, _ in lockdown.layers(Limits().resources, 0):
        if sandbox.holds(name) and name != "SECCOMP":  # Without NO_NEW_PRIVS only root may filter.
            assert observe_python("say(1)", only=f"{name},NO_NEW_PRIVS").said == [1]


def test_the_child_cannot_be_looked_into_and_dies_with_its_parent() -> None:
    get = "syscalls.prctl(3)"
    assert observe_python(f"say({get})", only="DUMPABLE").said == [0]
    place = "place = ctypes.create_string_buffer(4)\nsyscalls.prctl(2, ctypes.addressof(place))\n"
    assert observe_python(f"{place}say(place.raw[0])", only="USER,PDEATHSIG").said == [signal.SIGKILL]
    assert observe_python(f"{place}say(place.raw[0])", only="USER").said == [0]


def test_no_memory_of_the_child_is_writable_and_executable() -> None:
    code = "say([line for line in open('/proc/self/maps') if 'wx' in line.split()[1]])"
    assert observe_python(code, only="NO_NEW_PRIVS").said == [[]]


# --- the filter ------------------------------------------------------------------------------------------------------

SWEEP = """
import os, signal, sys
from worker_sandbox import seccomp
from worker_sandbox.syscalls import LIBC, prctl
import ctypes
survivors = []
allowed = list(map(int, sys.argv[1:]))
x32 = [2**30 + number for number in allowed]
for number in {*range(480), *x32, 2**31 - 1, 2**32 - 1} - {*allowed}:
    pid = os.fork()
    if pid == 0:
        prctl(38, 1)
        seccomp.allow_few_calls()
        LIBC.syscall(ctypes.c_long(number), *[ctypes.c_long(-1)] * 6)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSYS):
        survivors.append(number)
print(survivors)
"""


@pytest.mark.slow
def test_every_system_call_that_is_not_on_the_list_kills_also_by_its_x32_number() -> None:
    machine = os.uname().machine
    column = list(seccomp.ARCHITECTURES).index(machine)
    # Without a protection that executes, the two of the other table are let through.
    checked = {"mmap": (9, 222), "mprotect": (10, 226)}
    assert checked == seccomp.ALLOWED_WITHOUT_EXEC
    allowed = [str(numbers[column]) for numbers in seccomp.ALLOWED.values() if numbers[column] is not None]
    done = subprocess.run(
        [sys.executable, "-c", SWEEP, *allowed], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    # mmap and mprotect were called with a protection of -1, which executes. 335 and 336 of x86_64 are the way back of
    # the kernel's own probes, which it passes by every filter (since 6.14) and refuses from anywhere else.
    survivors = set(json.loads(done.stdout))
    assert survivors <= {335, 336} if sandbox.holds("SECCOMP") else len(survivors) > 400
    assert len(allowed) + len(checked) <= 25


def test_the_list_is_the_same_on_both_architectures_but_for_what_one_does_not_have() -> None:
    for machine, column in (("x86_64", 0), ("aarch64", 1)):
        numbers = [each[column] for each in (*seccomp.ALLOWED.values(), *seccomp.ALLOWED_WITHOUT_EXEC.values())]
        known = [number for number in numbers if number is not None]
        assert len(set(known)) == len(known)
        assert len(seccomp.build_filter(machine)) == 8 * (len(known) + 9)


def run_filter(program: bytes, number: int, architecture: int, protection: int = 0) -> int:
    """What the program answers to one system call: a machine for the few instructions that it is made of."""
    data = struct.pack("=IIQ6Q", number, architecture, 0, 0, 0, protection, 0, 0, 0)
    at, loaded = 0, 0
    while True:
        code, if_true, if_false, value = struct.unpack_from("=HBBI", program, 8 * at)
        at += 1
        if code == seccomp.RETURN:
            return int(value)
        if code == seccomp.LOAD:
            loaded = struct.unpack_from("=I", data, value)[0]
        else:
            holds = loaded == value if code == seccomp.JUMP_IF_EQUAL else bool(loaded & value)
            at += if_true if holds else if_false


@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
def test_the_filter_of_each_architecture_allows_its_own_calls_and_no_other_s(machine: str) -> None:
    program, own = seccomp.build_filter(machine), seccomp.ARCHITECTURES[machine]
    column = list(seccomp.ARCHITECTURES).index(machine)
    plain = {numbers[column] for numbers in seccomp.ALLOWED.values()} - {None}
    checked = {numbers[column] for numbers in seccomp.ALLOWED_WITHOUT_EXEC.values()}
    for number in [*range(1000), *range(2**30, 2**30 + 1000)]:
        allowed = number in plain or number in checked
        assert run_filter(program, number, own) == (seccomp.ALLOW if allowed else seccomp.KILL_PROCESS)
        executing = number in plain
        assert run_filter(program, number, own, 7) == (seccomp.ALLOW if executing else seccomp.KILL_PROCESS)
    for other in (0x40000003, 0x40000028, *seccomp.ARCHITECTURES.values()):  # i386, arm
        if other != own:
            assert {run_filter(program, number, other) for number in range(1000)} == {seccomp.KILL_PROCESS}


def test_a_machine_that_no_list_was_made_for_has_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    uname = os.uname()
    other = os.uname_result((*tuple(uname)[:4], "riscv64"))
    monkeypatch.setattr(os, "uname", lambda: other)
    with pytest.raises(seccomp.LayerAbsent, match="riscv64"):
        seccomp.allow_few_calls()


def test_best_effort_is_no_leave_to_do_without_limits() -> None:
    limits = Limits(address_space_bytes=2**80, best_effort=True)
    with pytest.raises(SandboxUnavailable) as caught, generate("({})", seed=1, now_ms=0, limits=limits) as run:
        list(run)
    assert caught.value.layer == "RLIMIT_AS"
