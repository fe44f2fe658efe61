"""The child: runs one dataset generator in QuickJS. Started as a script by `parent.py`, never imported.

Command line: the parent's process id, the folder of the engine's extension module, the engine's limits as
`memory_bytes:stack_bytes:seconds`, `strict` or `best-effort`, then every limit of the operating system as
`NAME:soft:hard`.
Standard input, in lines of ASCII: what `prelude.js` takes as options, the generator's source (both as JSON), and
then any number of requests, one line each: how many datasets are wanted at most, a space, and after how many
UTF-16 units of JSON text to stop before that. Its end ends the child.
Standard output: frames of one letter, the length of the body (4 bytes, little-endian) and the body:

    R          ready: every limit is set
    A          opened: `main` returned an array
    I          opened: `main` returned an iterator, which is pulled in steps
    C  JSON    datasets with commas between them
    P          a pause: the request is answered, and the next one may be made
    E          the end: there are no more datasets
    X  JSON    the generator failed: what `prelude.js` reports
    K  text    the engine stopped the generator: what it raised, past any JavaScript
    U  text    the sandbox could not be set up: the layer, a line feed, the detail

R comes by itself, then A or I. Each request is answered by any number of C and then P or E. Nothing follows after
E, X, K and U. Between requests the child waits for its input and runs nothing of the generator.

It starts for every generator, so it imports as little as it can, neither `json` nor `typing`.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))


def send(kind: bytes, body: bytes = b"") -> None:
    """Write one frame; blocks while the parent does not read, which is all the flow control there is."""
    rest = memoryview(kind + len(body).to_bytes(4, "little") + body)
    while rest:
        rest = rest[os.write(1, rest) :]


def send_text(kind: bytes, text: str) -> None:
    send(kind, text[:1000].encode(errors="replace"))


class Input:
    """Standard input, line by line. `rest`: what was read of the lines to come."""

    rest = b""

    def read_line(self) -> str:
        """The next line without its end; nothing when there are no more."""
        pieces = [self.rest]
        while b"\n" not in pieces[-1]:
            piece = os.read(0, 2**20)
            if not piece:
                return ""
            pieces.append(piece)
        line, _, self.rest = b"".join(pieces).partition(b"\n")
        return line.decode()


standard_input = Input()


def read_input() -> str:
    """The options and the source, with a line feed between them."""
    return f"{standard_input.read_line()}\n{standard_input.read_line()}"


def read_script(name: str) -> str:
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


def new_engine(limits: str) -> Any:
    """A QuickJS context that knows its limits.

    Made from the extension module itself: the package `quickjs` around it starts a thread when imported.
    """
    import _quickjs  # type: ignore[import-not-found]

    memory_bytes, stack_bytes, seconds = limits.split(":")
    engine = _quickjs.Context()
    engine.set_memory_limit(int(memory_bytes))
    engine.set_max_stack_size(int(stack_bytes))
    # Processor time, anew for each call: the clock that counts is the parent's.
    engine.set_time_limit(float(seconds))
    return engine


def parse_resource(argument: str) -> tuple[str, int, int]:
    name, soft, hard = argument.split(":")
    return name, int(soft), int(hard)


def open_package() -> None:
    """Make `worker_sandbox` a package without its `__init__.py`, which imports what only the parent needs."""
    package = type(sys)("worker_sandbox")
    package.__path__ = [HERE]
    sys.modules["worker_sandbox"] = package


def prepare(parent_pid: str, engine_limits: str, effort: str, resources: list[str]) -> tuple[Callable[..., str], str]:
    """Read everything, lock the process down, and only then run the prelude. Returns its `step` and the source."""
    from worker_sandbox import lockdown

    options, source = read_input().split("\n")
    determinism, prelude = read_script("determinism.js"), read_script("prelude.js")
    engine = new_engine(engine_limits)
    limits = [parse_resource(each) for each in resources]
    lockdown.lock_down(limits, int(parent_pid), best_effort=effort == "best-effort")
    engine.eval(determinism)(options)
    return engine.eval(prelude)(options), source


OPENED = {"=array": b"A", "=iterator": b"I"}


def run(step: Callable[..., str], source: str) -> None:
    """Open the generator, then answer requests up to its end. step: what `prelude.js` returns."""
    text = step(source)
    is_open = text in OPENED
    if is_open:
        send(OPENED[text])
    while is_open and (request := standard_input.read_line()):
        count, units = request.split(" ")
        text = send_chunks(step, float(count), float(units))
        is_open = not text
        if is_open:
            send(b"P")
    if text.startswith("!"):
        send(b"X", text[1:].encode())
    elif text == ".":
        send(b"E")


def send_chunks(step: Callable[..., str], count: float, units: float) -> str:
    """Answer a request, chunk by chunk, and return what ended it: nothing, ".", or a failure report."""
    text = step(count, units)
    while text.startswith("{"):
        send(b"C", text.encode())
        text = step()
    return text


def main() -> None:
    # UTC, so that a generator's dates do not depend on the host; read before files are closed off.
    os.environ["TZ"] = "UTC0"
    time.tzset()
    sys.path.append(sys.argv[2])
    open_package()
    try:
        step, source = prepare(sys.argv[1], sys.argv[3], sys.argv[4], sys.argv[5:])
    except BaseException as error:  # Nothing of the generator has run: this is the sandbox's own failure.
        layer = getattr(error, "layer", "engine")
        send_text(b"U", f"{layer}\n{getattr(error, 'detail', f'{type(error).__name__}: {error}')}")
        return
    send(b"R")
    try:
        run(step, source)
    except BrokenPipeError:
        pass  # The parent wants no more.
    except BaseException as error:  # Whatever the engine raises is the generator's doing.
        send_text(b"K", f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
    os._exit(0)  # Freeing a large heap takes time, and nothing is left to be done.
