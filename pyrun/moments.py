"""Moments as people type them for Docker: seconds since the epoch, a date, RFC 3339, or how long ago."""

import re
import time
from datetime import datetime

from pyrun.errors import PyrunError

_SECOND = 1_000_000_000
_LONGEST = 100  # characters of a span of time
_END = 1 << 63  # nanoseconds, about 292 years: Go's clock ends there
_UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000, "s": _SECOND}
_UNITS |= {"m": 60 * _SECOND, "h": 3600 * _SECOND}
_PART = r"(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h)"
_SPAN = re.compile(rf"([+-]?)((?:{_PART})+)", re.ASCII)
_SECONDS = re.compile(r"(\d+)(?:\.(\d+))?", re.ASCII)
_DATE = re.compile(
    r"\d{4}-\d\d-\d\d(?:T\d\d(?::\d\d(?::\d\d(?P<fraction>\.\d+)?)?)?)?(?P<zone>[zZ]|[+-]\d\d:\d\d)?", re.ASCII
)


def parse(what: str, text: str, now: int) -> int:
    """Give nanoseconds since the epoch; *now* is what spans of time like ``1h30m`` count back from.

    A date without a zone is the caller's own. Errors: PyrunError (1), in Docker's words where it has some.
    """
    try:
        moment = _moment(text[: _LONGEST + 1], now)
        if abs(moment) < _END:
            return moment
        raise OverflowError
    except (ValueError, OverflowError):
        shown = text if text.isprintable() else repr(text)
        raise PyrunError(f'{what}: failed to parse value as time or duration: "{shown[:120]}"', 1) from None


def _moment(text: str, now: int) -> int:
    if len(text) > _LONGEST:
        raise ValueError
    span = span_of(text) if text != "0" else None
    if span is not None:
        return now - span
    if found := _SECONDS.fullmatch(text):
        return int(found[1]) * _SECOND + int((found[2] or "").ljust(9, "0")[:9])
    return _date(text)


def span_of(text: str) -> "int | None":
    """Read one of Go's durations, in nanoseconds; None when it is none."""
    found = _SPAN.fullmatch(text) if len(text) <= _LONGEST else None  # of many digits it takes the square of them
    if not found:
        return None
    total = 0
    for number, unit in re.findall(r"([\d.]+)([a-zµμ]+)", found[2]):
        whole, _, fraction = number.partition(".")
        total += int(whole or "0") * _UNITS[unit]
        total += int(int(fraction or "0") * _UNITS[unit] / 10 ** len(fraction)) if fraction else 0
    return -total if found[1] == "-" else total


def _date(text: str) -> int:
    """Read a date, with hours, minutes and seconds as far as they are given. Errors: ValueError."""
    found = _DATE.fullmatch(text)
    if not found:
        raise ValueError
    fraction, zone = found["fraction"] or "", found["zone"] or ""
    plain = text.removesuffix(zone).removesuffix(fraction)
    plain += {len("2026-01-02"): "T00:00", len("2026-01-02T03"): ":00"}.get(len(plain), "")
    moment = datetime.fromisoformat(plain + zone.upper().replace("Z", "+00:00"))
    return int(moment.timestamp()) * _SECOND + int(fraction[1:].ljust(9, "0")[:9])


def stamp(nanoseconds: int) -> str:
    """Give a moment as RFC 3339 has it in UTC, with nine digits behind the point and no zone: these sort as text."""
    seconds, rest = divmod(nanoseconds, _SECOND)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds)):0>19}.{rest:09d}"


def written(moment: int) -> str:
    """Write a moment in the caller's time zone as RFC 3339 has it, with nine digits behind the second."""
    seconds, rest = divmod(moment, _SECOND)
    local = datetime.fromtimestamp(seconds).astimezone()
    zone = local.strftime("%z")
    shown = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:5]}"
    return f"{local:%Y-%m-%dT%H:%M:%S}.{rest:09d}{shown}"
