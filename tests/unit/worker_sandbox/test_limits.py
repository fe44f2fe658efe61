"""The child is locked down by the operating system, and nothing runs when it is not (G4)."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import worker_sandbox
from tests.unit.worker_sandbox.runs import NOW_MS, assert_gone, chunks_of, generate, returning
from tests.walls.runs import observe_python
from worker_sandbox import Limits, SandboxUnavailable


def in_child_of_python(code: str) -> str:
    """What a fresh Python prints, after it imported `lockdown.py`, because a limit cannot be taken back."""
    command = [sys.executable, "-c", f"from worker_sandbox.lockdown import *\n{code}"]
    root = Path(worker_sandbox.__file__).parent.parent
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


def limits_of(pid: int) -> dict[str, tuple[str, str]]:
    """(soft, hard) by the kernel's own account."""
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    return {line[:26].strip(): (line[26:47].strip(), line[47:68].strip()) for line in lines}


@pytest.fixture
def running_child() -> int:
    with generate("({ *main() { for (;;) yield {}; } })", seed=1, now_ms=NOW_MS) as run:
        next(run)
        yield run.pid
    assert_gone(run.pid)


def test_every_operating_system_limit_is_set_on_the_child(running_child: int) -> None:
    found = limits_of(running_child)
    assert found["Max core file size"] == ("0", "0")
    assert found["Max file size"] == ("0", "0")
    assert found["Max open files"] == ("3", "3")
    assert found["Max processes"] == ("0", "0")
    assert found["Max cpu time"] == ("6", "7")
    assert found["Max address space"] == (str(768 * 2**20), str(768 * 2**20))


def test_the_child_has_an_empty_environment_no_folder_no_thread_and_no_other_files(running_child: int) -> None:
    # Told from inside and before the lock-down, because nobody may look into the child from outside.
    variables, folder, files = observe_python(
        "say([list(os.environ), os.getcwd(), sorted(os.listdir('/proc/self/fd'))])", only="NO_NEW_PRIVS"
    ).said[0]
    assert set(variables) <= {"LC_CTYPE", "TZ"}  # Python sets the one for itself, the child the other.
    assert folder == "/"
    assert files == ["0", "1", "2", "3"]  # 3 is the folder that is listed.
    assert len(list(Path(f"/proc/{running_child}/task").iterdir())) == 1


def test_the_child_leads_a_session_of_its_own_and_can_gain_no_privileges(running_child: int) -> None:
    assert os.getsid(running_child) == running_child == os.getpgid(running_child)
    assert "NoNewPrivs:\t1" in Path(f"/proc/{running_child}/status").read_text()


@pytest.mark.parametrize(
    ("limits", "layer"),
    [(Limits(address_space_bytes=2**80), "RLIMIT_AS"), (Limits(cpu_s=2**70), "RLIMIT_CPU")],
)
def test_a_limit_that_cannot_be_set_is_named_and_the_generator_does_not_run_g4(limits: Limits, layer: str) -> None:
    with pytest.raises(SandboxUnavailable) as caught:
        chunks_of(returning("[{}]"), limits=limits)
    assert caught.value.layer == layer
    assert f"the generator sandbox is not available: {layer}: " in str(caught.value)


def test_a_child_without_memory_to_start_in_is_the_operator_s_problem_g4() -> None:
    with pytest.raises(SandboxUnavailable, match="sandbox is not available"):
        chunks_of(returning("[{}]"), limits=Limits(memory_bytes=1000))


def test_a_stricter_limit_that_the_process_was_started_under_stays() -> None:
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (3, 4))\n"
        "set_resource_limit('RLIMIT_CPU', 6, 7)\n"
        "print(resource.getrlimit(resource.RLIMIT_CPU))"
    )
    assert in_child_of_python(code) == "(4, 4)"


def test_a_refused_privilege_call_is_named() -> None:
    assert (
        in_child_of_python(
            "try: put_up_layer('NO_NEW_PRIVS', lambda: prctl(PR_SET_NO_NEW_PRIVS, 7))\n"
            "except LayerFailed as error: print(error)"
        )
        == "NO_NEW_PRIVS: [Errno 22] Invalid argument"
    )


def test_a_child_whose_parent_is_already_gone_does_not_go_on() -> None:
    assert (
        in_child_of_python("try: lock_down([], 1234567)\nexcept LayerFailed as error: print(error.layer)")
        == "PDEATHSIG"
    )


def test_every_name_of_a_limit_is_one_that_this_system_knows() -> None:
    assert all(hasattr(resource, name) for name, _, _ in Limits().resources)
