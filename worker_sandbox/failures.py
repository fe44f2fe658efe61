"""What can go wrong in a run, and the sentence about it that the campaign owner or the operator reads.

Exception
├─ GeneratorFailed      the owner's: shown on the campaign's page
│  └─ GeneratorKilled   perhaps nobody's: the run may be repeated, and fails in the same way if it is the owner's
└─ SandboxUnavailable   the operator's: no generator can run here now
"""

from __future__ import annotations

import json
import re
import signal

from worker_sandbox.limits import MB, Limits

# A frame of the generator's own functions. (Positions without parentheses lie in texts that it parsed.)
OWN_FRAME = re.compile(r"\(<input>:(\d+):(\d+)\)")
PRELUDE_FRAME = "sandbox$"
LINES_BEFORE_SOURCE = 1  # The prelude puts the source below one line of its own.
MESSAGE_CHARS = 500


class GeneratorFailed(Exception):
    """The dataset generator failed. `str()` is one sentence for the campaign owner.

    message: what happened, without the place. line, column: where in the generator's source, counted from 1,
    as the owner wrote it. dataset: the number of the dataset that was refused, counted from 0, as in the
    array.
    """

    def __init__(
        self, message: str, *, line: int | None = None, column: int | None = None, dataset: int | None = None
    ) -> None:
        place = "" if line is None else f" (line {line})" if column is None else f" (line {line}, column {column})"
        super().__init__(message + place)
        self.message = message
        self.line = line
        self.column = column
        self.dataset = dataset


class GeneratorKilled(GeneratorFailed):
    """The system, or an operator, killed the generator's process."""


class SandboxUnavailable(Exception):
    """No generator can run on this machine now.

    layer: what failed: `start`, `engine`, or the name of the limit that could not be set, such as
    `RLIMIT_AS`.
    """

    def __init__(self, layer: str, detail: str) -> None:
        super().__init__(f"the generator sandbox is not available: {layer}: {detail}")
        self.layer = layer


def ran_too_long(budget_s: float) -> GeneratorFailed:
    return GeneratorFailed(f"the dataset generator ran longer than {_seconds(budget_s)}")


def too_many_datasets(limits: Limits) -> GeneratorFailed:
    return GeneratorFailed(f"the dataset generator returned more than {limits.datasets:,} datasets")


def dataset_too_large(dataset: int, limits: Limits) -> GeneratorFailed:
    return GeneratorFailed(f"dataset {dataset} is larger than {_size(limits.dataset_bytes)}", dataset=dataset)


def datasets_too_large(limits: Limits) -> GeneratorFailed:
    return GeneratorFailed(f"the datasets are larger than {_size(limits.total_bytes)} in all")


def unreadable_output(detail: str) -> GeneratorFailed:
    """The child said what no honest child says: the generator broke something there."""
    return GeneratorFailed(f"the dataset generator's output could not be read: {detail}")


def from_exit(status: int, limits: Limits) -> GeneratorFailed:
    """About a child that ended without a last frame. status: as `Popen.returncode`, negative for a signal."""
    if status == -signal.SIGXCPU:
        return GeneratorFailed(f"the dataset generator used more than {_seconds(limits.cpu_s)} of processor time")
    if status == -signal.SIGKILL:
        return GeneratorKilled("the dataset generator was killed by the system, most likely for want of memory")
    if status == -signal.SIGSYS:
        return GeneratorFailed("the dataset generator was killed by the sandbox: it made a forbidden system call")
    if status < 0:
        return GeneratorFailed(f"the dataset generator crashed the JavaScript engine ({_signal_name(-status)})")
    return GeneratorFailed(f"the dataset generator's process ended unexpectedly (exit status {status})")


def from_report(body: bytes, limits: Limits) -> GeneratorFailed:
    """About the body of an X frame, which is JSON as `prelude.js` says, if the child is honest."""
    try:
        report = json.loads(body)
    except (ValueError, RecursionError):
        return unreadable_output("its failure report is not JSON")
    if not isinstance(report, dict):
        return unreadable_output("its failure report is not an object")
    if report.get("tooMany") is True:
        return too_many_datasets(limits)
    if report.get("tooLarge") is True:
        return dataset_too_large(_number(report, "dataset") or 0, limits)
    if "reason" in report:
        return _refused(report)
    return _thrown(report, limits)


def _refused(report: dict[str, object]) -> GeneratorFailed:
    dataset = _number(report, "dataset")
    reason, path = _text(report, "reason"), _text(report, "path")
    if dataset is None or not reason:
        return GeneratorFailed(reason) if reason else unreadable_output("its failure report gives no reason")
    where = f"dataset {dataset}, field '{path}'" if path else f"dataset {dataset}"
    return GeneratorFailed(f"{where}: {reason}", dataset=dataset)


def stopped_by_engine(body: bytes, limits: Limits) -> GeneratorFailed:
    """About the body of a K frame: what no JavaScript could catch, or not without more memory."""
    text = _safe(body[: 4 * MESSAGE_CHARS].decode(errors="replace"))[:MESSAGE_CHARS]
    if "interrupted" in text:
        return ran_too_long(limits.wall_s)
    if "out of memory" in text or "MemoryError" in text or "JSException: null" in text:
        return _out_of_memory(limits)
    return GeneratorFailed(f"the dataset generator was stopped by the JavaScript engine: {text.strip()}")


def _out_of_memory(limits: Limits) -> GeneratorFailed:
    return GeneratorFailed(f"the dataset generator used more than {_size(limits.memory_bytes)} of memory")


def _thrown(report: dict[str, object], limits: Limits) -> GeneratorFailed:
    thrown, dataset = _text(report, "thrown"), _number(report, "dataset")
    if not thrown:
        return unreadable_output("its failure report is empty")
    if thrown == "InternalError: out of memory":
        return _out_of_memory(limits)
    if thrown == "threw null":  # What the engine throws, too, when no memory is left for an error.
        return GeneratorFailed(f"{_out_of_memory(limits).message}, or threw null")
    message = f"the dataset generator {thrown}" if thrown.startswith("threw ") else thrown
    line, column = _number(report, "line"), _number(report, "column")
    if line is None:
        line, column = source_position(_text(report, "stack", 4000))
    in_dataset = "" if dataset is None else f"dataset {dataset}: "
    return GeneratorFailed(in_dataset + message, line=line, column=column, dataset=dataset)


def source_position(stack: str) -> tuple[int | None, int | None]:
    """(line, column) in the owner's source of its innermost function on this stack; (None, None) if none."""
    found = OWN_FRAME.search(stack.split(PRELUDE_FRAME, 1)[0])
    if found is None:
        return None, None
    return max(1, int(found[1]) - LINES_BEFORE_SOURCE), int(found[2])


def _text(report: dict[str, object], key: str, chars: int = MESSAGE_CHARS) -> str:
    """A text from the child, cut, and safe to store and to show."""
    value = report.get(key)
    return _safe(value[:chars]) if isinstance(value, str) else ""


def _safe(text: str) -> str:
    """Without lone surrogates and control characters."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(char if char == "\n" or char.isprintable() else " " for char in text)


def _number(report: dict[str, object], key: str) -> int | None:
    value = report.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def _seconds(duration: float) -> str:
    return f"{duration:g} second" if duration == 1 else f"{duration:g} seconds"


def _size(size: int) -> str:
    return f"{size / MB:g} MB" if size >= MB else f"{size:,} bytes"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
