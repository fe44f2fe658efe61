"""Numbers, sizes and moments as pages say them."""

from __future__ import annotations

import datetime as dt
import math

_STEPS = ((60, "second", 1), (3600, "minute", 60), (86_400, "hour", 3600), (30 * 86_400, "day", 86_400))


def ago(moment: dt.datetime, now: dt.datetime | None = None) -> str:
    """Return how long ago a moment was: "just now", "3 minutes ago"; after 30 days the date."""
    age_s = ((now or dt.datetime.now(dt.UTC)) - moment).total_seconds()
    if age_s < 5:
        return "just now"
    for limit_s, unit, unit_s in _STEPS:
        if age_s < limit_s:
            return f"{count(int(age_s // unit_s), unit)} ago"
    return f"{moment.day} {moment:%b %Y}"


def count(number: int, noun: str) -> str:
    """Return a number with its noun: "1 dataset", "2,500 datasets"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number_of_bytes: float) -> str:
    """Return a size in the unit that suits it, in powers of 1024: "512 bytes", "1.5 MB"."""
    if number_of_bytes < 1024:
        return count(int(number_of_bytes), "byte")
    power = min(3, int(math.log(number_of_bytes, 1024)))
    value, unit = number_of_bytes / 1024**power, ("KB", "MB", "GB")[power - 1]
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"


def duration(milliseconds: int) -> str:
    """Return a length of time in the unit that suits it: "850 ms", "12.5 seconds", "3.2 hours".

    Volunteers report whole milliseconds, rounded: 0 of them is something that took less than one.
    """
    if milliseconds < 1:
        return "under 1 ms"
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    seconds = milliseconds / 1000
    unit, unit_s = next(((unit, unit_s) for limit_s, unit, unit_s in _STEPS if seconds < limit_s), ("day", 86_400))
    value = seconds / unit_s
    shown = f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
    return f"{shown} {unit}" if shown == "1" else f"{shown} {unit}s"
