"""Times and sizes in Docker's words."""

import time

_SIZES = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")


def ago(seconds: float) -> str:
    """Say how long ago."""
    return f"{duration(seconds)} ago"


def duration(seconds: float) -> str:
    """Say a time span in the words of go-units' HumanDuration."""
    whole = int(max(0.0, seconds))
    minutes, hours = whole // 60, int(max(0.0, seconds) / 3600 + 0.5)
    if whole < 1:
        return "Less than a second"
    if whole == 1:
        return "1 second"
    if whole < 60:
        return f"{whole} seconds"
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    if hours == 1:
        return "About an hour"
    for limit, divisor, unit in (
        (48, 1, "hours"),
        (336, 24, "days"),
        (1440, 168, "weeks"),
        (17520, 720, "months"),
    ):
        if hours < limit:
            return f"{hours // divisor} {unit}"
    return f"{int(seconds / 3600) // 24 // 365} years"


def size(count: float, digits: int = 4) -> str:
    """Say a size in decimal units with so many digits, as go-units' HumanSize does: 1.984MB."""
    at = 0
    while count >= 1000 and at < len(_SIZES) - 1:
        count, at = count / 1000, at + 1
    return f"{_general(count, digits)}{_SIZES[at]}"


def _general(number: float, digits: int) -> str:
    text = f"{number:.{digits}g}"
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent):+03d}" if e else text


def moment(seconds: float, fraction: bool = False, local: bool = False) -> str:
    """Give a time as Go prints it: 2026-01-02 03:04:05 +0000 UTC; with its *fraction* of a second where it has one."""
    whole = int(seconds)
    parts = time.localtime(whole) if local else time.gmtime(whole)
    zone = time.strftime("%z %Z", parts) if local else "+0000 UTC"
    digits = f"{int(seconds * 1_000_000_000) - whole * 1_000_000_000:09d}".rstrip("0") if fraction else ""
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', parts)}{'.' if digits else ''}{digits} {zone}"
