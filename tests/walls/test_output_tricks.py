"""From inside the child, in Python, behind all walls: lies and floods on the pipes, and ways of not ending."""

from __future__ import annotations

import pytest

from tests import sandbox
from tests.walls.runs import observe_python
from worker_sandbox import GeneratorFailed, Limits

NO_FRAMES = "output could not be read"
LATE = "ran longer than 0.6 seconds"
ENDED = "ended unexpectedly"

# code, what the owner is told
TRICKS = {
    "garbage": ("os.write(1, b'Hello!' * 1000)", NO_FRAMES),
    "zeros": ("os.write(1, bytes(1000))", NO_FRAMES),
    "a header of a huge frame": ("os.write(1, b'C' + b'\\xff' * 4); time.monotonic()", NO_FRAMES),
    "a frame over the limit by one": ("os.write(1, b'C' + (2**30).to_bytes(4, 'little') + b'[')", NO_FRAMES),
    "half a header, then the end": ("os.write(1, b'C\\1'); os._exit(0)", ENDED),
    "half a frame, then the end": ("os.write(1, b'C' + (50).to_bytes(4, 'little') + b'{}'); os._exit(0)", ENDED),
    "half a frame, then silence": ("os.write(1, b'C' + (50).to_bytes(4, 'little') + b'{}')\nwhile True: pass", LATE),
    "half a frame, then an end": (
        "os.write(1, b'C' + (9).to_bytes(4, 'little') + b'{}'); send(b'E'); os._exit(0)",
        ENDED,
    ),
    "an unknown letter": ("send(b'Z', b'x')", NO_FRAMES),
    "ready a second time": ("send(b'R')", NO_FRAMES),
    "no sandbox, after all": ("send(b'U', b'LANDLOCK\\nhow sad')", NO_FRAMES),
    "no JSON": ("send(b'C', b'[}')", NO_FRAMES),
    "NaN": ("send(b'C', b'{\"a\":NaN}')", NO_FRAMES),
    "a number of many digits": ("send(b'C', b'{\"a\":' + b'9' * 100000 + b'}')", NO_FRAMES),
    "deep JSON": ("send(b'C', b'[' * 100000)", NO_FRAMES),
    "deep objects": ("send(b'C', b'{\"a\":' * 70 + b'1' + b'}' * 70)", NO_FRAMES),
    "half a surrogate pair": ("send(b'C', b'{\"a\":\"\\\\ud800\"}')", NO_FRAMES),
    "bytes that are no text": ("send(b'C', b'{\"a\":\"\\xff\"}')", NO_FRAMES),
    "no objects": ("send(b'C', b'1,2,3')", NO_FRAMES),
    "an early bracket": ("send(b'C', b'{}],[{}')", NO_FRAMES),
    "a failure that is no JSON": ("send(b'X', b'\\xff\\xff')", NO_FRAMES),
    "a failure that is deep": ("send(b'X', b'[' * 100000)", NO_FRAMES),
    "a failure that says nothing": ("send(b'X', b'{}')", NO_FRAMES),
    "a failure of the wrong types": ('send(b\'X\', b\'{"thrown": [], "dataset": -1, "reason": {}}\')', NO_FRAMES),
    "an endless reason": (
        "send(b'X', b'{\"dataset\": 0, \"reason\": \"' + b'a' * 900000 + b'\"}')",
        "dataset 0: a{500}",
    ),
    "the engine's last words, forged": ("send(b'K', b'x\\0\\n' * 100000)", "stopped by the JavaScript engine"),
    "a flood of empty frames": ("while True: send(b'C')", LATE),
    "a flood on the error pipe": ("while True: os.write(2, b'x' * 65536)", LATE),
    "a drip": (
        "frame = b'C' + (10**6).to_bytes(4, 'little') + b'{' * 10**6\nfor byte in frame: os.write(1, bytes([byte]))",
        LATE,
    ),
    "a loop": ("while True: pass", LATE),
    "waiting for input for ever": ("while True: os.read(0, 1)", LATE),
    "holding a lock twice": ("lock = __import__('_thread').allocate_lock(); lock.acquire(); lock.acquire()", LATE),
    "an exit status": ("os._exit(3)", r"exit status 3"),
    "a crash": ("ctypes.string_at(8)", "SIGSEGV"),
    "memory that is touched": ("kept = []\nwhile True: kept.append(bytes(10**7))", "of memory"),
    "more datasets than allowed": ("while True: send(b'C', b','.join([b'{}'] * 1000))", "1,000,000|" + LATE),
    "more bytes than allowed": ("while True: send(b'C', b'{\"a\":\"' + b'x' * 10**6 + b'\"}')", "64 MB in all|" + LATE),
    "one dataset larger than allowed": ("send(b'C', b'{\"a\":\"' + b'x' * (2**20 + 9) + b'\"}')", "larger than 1 MB"),
}


@pytest.mark.parametrize("name", TRICKS)
def test_a_lying_child_fails_its_own_run(name: str) -> None:
    code, told = TRICKS[name]
    seen = observe_python(code, limits=Limits(wall_s=0.6 if LATE in told else 10))
    assert isinstance(seen.error, GeneratorFailed)
    pytest.raises(GeneratorFailed, _raise, seen.error).match(told)
    assert not any("said" in dataset for dataset in seen.datasets)


def test_what_comes_after_the_end_is_not_read() -> None:
    seen = observe_python("say(1); send(b'E'); send(b'C', b'{\"said\":2}'); send(b'X', b'{}'); os._exit(0)")
    assert (seen.said, seen.error) == ([1], None)


def test_writing_to_the_input_pipe_reaches_nobody() -> None:
    assert observe_python("say(outcome(lambda: os.write(0, b'x')))").said == ["EBADF"]


# Behind no filter: the parent's own means.
UNENDING = {
    "it stops itself": "say(1)\nwhile True: os.kill(os.getpid(), signal.SIGSTOP)",
    "it ignores every signal": (
        "for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(number, signal.SIG_IGN)\n"
        "say(1)\nwhile True: time.sleep(1)"
    ),
    "it closes its output and sleeps": "say(1); os.close(1); os.close(2); time.sleep(60)",
    "it has children that sleep": "say(1)\nfor _ in range(5):\n    if os.fork() == 0: time.sleep(60)\ntime.sleep(60)",
    "it has children that never end, and ends": (
        "say(1)\nif os.fork() == 0:\n    while True: time.sleep(1)\nos.close(1); os._exit(0)"
    ),
    "it leaves zombies": "say(1)\nfor _ in range(20):\n    if os.fork() == 0: os._exit(0)\ntime.sleep(60)",
    "it sleeps": "say(1); time.sleep(60)",
}


@pytest.mark.parametrize("name", UNENDING)
def test_the_parent_ends_a_group_that_no_filter_holds(name: str) -> None:
    seen = observe_python(UNENDING[name], only="", limits=Limits(wall_s=1.2))
    assert seen.said == [1]
    assert isinstance(seen.error, GeneratorFailed)


def test_the_filter_kills_the_whole_process_and_says_so() -> None:
    message = observe_python("say(1); os.getppid()").message
    assert ("forbidden system call" in message) == sandbox.holds("SECCOMP")


def _raise(error: Exception) -> None:
    raise error
