"""Moments as Docker takes and prints them: a date and time, seconds since 1970, or how long ago. No time zone database.

Without a zone they are meant in the machine's own time.
"""

import time

from pyrun.errors import PyrunError

_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_DIGITS = set("0123456789")
_LAST = 253402300799  # the end of the year 9999, in seconds
_LONGEST = (1 << 63) - 1  # nanoseconds of a duration, as in Go


def parse(what: str, text: str, now: int) -> int:
    """Read a moment as nanoseconds since 1970; a duration such as 1h30m is that long before *now*.

    Errors: PyrunError (1), in Docker's words where it has some.
    """
    try:
        return read(text, now)
    except ValueError as cause:
        shown = text if text.isprintable() else repr(text)
        reason = f"failed to parse value as time or duration: {cause}"
        hint = "as in 10m, 2026-01-31T15:04:05 or 1700000000"
        raise PyrunError(f'{what}: "{shown[:120]}": {reason}', 1, hint) from None


def read(text: str, now: "int | None" = None) -> int:
    """Read a moment as nanoseconds since 1970; a duration is that long before *now*. Errors: ValueError saying why."""
    if text != "0":
        length = _duration(text)
        if length is not None:
            return (time.time_ns() if now is None else now) - length
    whole, dot, fraction = text.partition(".")
    if whole and not set(whole + fraction) - _DIGITS and len(whole) < 13 and (fraction or not dot):
        return _checked(int(whole)) * 10**9 + _nanoseconds(fraction)
    return _calendar(text)


def duration(text: str) -> int:
    """Read a duration as Go does, such as 1h30m or 1.5s, as nanoseconds. Errors: ValueError."""
    length = 0 if text == "0" else _duration(text)
    if length is None:
        raise ValueError("not a duration")
    return length


def stamp(nanoseconds: int) -> str:
    """Give a moment as RFC 3339 has it in UTC, with nine digits behind the point and no zone: these sort as text."""
    seconds, rest = divmod(max(0, min(nanoseconds, _LAST * 10**9)), 10**9)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds)):0>19}.{rest:09d}"


def written(nanoseconds: int) -> str:
    """Write a moment in the caller's time zone as RFC 3339 has it, with nine digits behind the second."""
    seconds, rest = divmod(nanoseconds, 10**9)
    local = time.localtime(seconds)
    offset = local.tm_gmtoff // 60
    hours, minutes = divmod(abs(offset), 60)
    zone = f"{'-' if offset < 0 else '+'}{hours:02d}:{minutes:02d}" if offset else "Z"
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', local)}.{rest:09d}{zone}"


def _duration(text: str) -> "int | None":
    """Give a Go duration in nanoseconds, None for what is none."""
    body = text[1:] if text[:1] in ("-", "+") else text
    total, at = 0, 0
    while at < len(body):
        start = at
        while at < len(body) and body[at] in "0123456789.":
            at += 1
        whole, _, fraction = body[start:at].partition(".")
        start = at
        while at < len(body) and body[at] not in "0123456789.":
            at += 1
        unit = _UNITS.get(body[start:at])
        if unit is None or not whole + fraction or "." in fraction or len(whole) > 19:
            return None
        total += int(whole or 0) * unit + int(fraction[:18] or 0) * unit // 10 ** len(fraction[:18])
    if not body or total > _LONGEST:
        return None
    return -total if text[0] == "-" else total


def _calendar(text: str) -> int:
    """Read YYYY-MM-DD, or that with THH[:MM[:SS[.FRACTION]]], either with a zone behind it or without."""
    date, clock = text[:10], text[10:]
    offset, clock = _zone(clock)
    hour, minute, second, fraction = _clock(clock)
    parts = date.split("-")
    if [len(part) for part in parts] != [4, 2, 2] or set(date) - _DIGITS - {"-"}:
        raise ValueError("not a time")
    year, month, day = map(int, parts)
    if not 1 <= month <= 12 or not 1 <= day <= _month_length(year, month) or hour > 23 or minute > 59 or second > 59:
        raise ValueError("no such time")
    if offset is None:
        try:
            seconds = int(time.mktime((year, month, day, hour, minute, second, 0, 0, -1)))
        except (OverflowError, ValueError):
            raise ValueError("no such time") from None
    else:
        seconds = (_days(year, month, day) * 24 + hour) * 3600 + minute * 60 + second - offset
    return _checked(seconds) * 10**9 + fraction


def _zone(clock: str) -> "tuple[int | None, str]":
    """Give the zone's offset in seconds, None without one, and what stands before it."""
    if clock.endswith("Z"):
        return 0, clock[:-1]
    zone = clock[-6:]
    if len(zone) == 6 and zone[0] in "+-" and zone[3] == ":" and not set(zone[1:3] + zone[4:]) - _DIGITS:
        offset = int(zone[1:3]) * 3600 + int(zone[4:]) * 60
        return -offset if zone[0] == "-" else offset, clock[:-6]
    return None, clock


def _clock(text: str) -> tuple[int, int, int, int]:
    """Read what follows a date: hour, minute, second and nanoseconds."""
    if not text:
        return 0, 0, 0, 0
    body, dot, fraction = text[1:].partition(".")
    parts = body.split(":")
    whole = text[0] == "T" and len(parts) <= 3 and all(len(p) == 2 and not set(p) - _DIGITS for p in parts)
    if not whole or (dot and (len(parts) < 3 or not fraction or set(fraction) - _DIGITS)):
        raise ValueError("not a time")
    hour, minute, second = (*map(int, parts), 0, 0)[:3]
    return hour, minute, second, _nanoseconds(fraction)


def _nanoseconds(fraction: str) -> int:
    return int(fraction[:9].ljust(9, "0")) if fraction else 0


def _checked(seconds: int) -> int:
    if seconds > _LAST:
        raise ValueError("no such time")
    return seconds


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _month_length(year: int, month: int) -> int:
    return 28 + _is_leap(year) if month == 2 else 30 if month in (4, 6, 9, 11) else 31


def _days(year: int, month: int, day: int) -> int:
    """Give the days since 1970-01-01."""
    before = year - 1
    leaps = before // 4 - before // 100 + before // 400 - 477
    return (year - 1970) * 365 + leaps + sum(_month_length(year, each) for each in range(1, month)) + day - 1
