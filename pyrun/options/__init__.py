"""Readers of single option values: text in, checked value out, one clear line for anything else.

Strict where Python is lenient: ``int(' 0_1')`` is a number to Python. No I/O
but reading the files that an option names.
"""

import os

from pyrun.errors import UsageError
from pyrun.errors import show as show
from pyrun.spec import Ulimit

MEMORY_MIN = 6 * 1024 * 1024  # Docker's minimum, in bytes
_UNITS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}  # powers of a thousand, of either kind
LETTERS = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
DIGITS = set("0123456789")
NAME = LETTERS | DIGITS | set("_.-")
_INT64 = (1 << 63) - 1
ULIMITS = "core cpu data fsize memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split()

SIGNALS = (
    "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN "
    "TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS"
).split()


def whole(what: str, text: str, least: int = 0, most: int = _INT64) -> int:
    """Read a plain decimal number, with a minus sign if *least* allows. Errors: UsageError."""
    digits = text[1:] if text.startswith("-") and least < 0 else text
    if not digits or set(digits) - DIGITS or len(digits) > 19:
        raise UsageError(f"{what}: {show(text)}: not a number")
    value = -int(digits) if digits != text else int(digits)
    if not least <= value <= most:
        raise UsageError(f"{what}: {value}: must be from {least} to {most}")
    return value


def decimal_size(what: str, text: str) -> int:
    """Read a size in bytes whose units are powers of a thousand, as Docker has it of a log's. Errors: UsageError."""
    return size(what, text, thousand=1000)


def size(what: str, text: str, least: int = 0, thousand: int = 1024) -> int:
    """Read a size in bytes: a number, a fraction too, with a unit of b, k, m, g, t or p; 0 may stand for none."""
    body = text.lower().removesuffix("ib") if text.lower().endswith("ib") else text.lower()
    body = body.removesuffix("b") if body[-2:-1] in ("k", "m", "g", "t", "p") else body
    unit = body[-1:] if body[-1:] in LETTERS else ""
    number = body.removesuffix(unit).strip(" ") if unit else body
    whole_part, dot, fraction = number.partition(".")
    plain = whole_part and not set(whole_part + fraction) - DIGITS and (fraction or not dot)
    if unit not in _UNITS or not plain or len(number) > 19:
        raise UsageError(f"{what}: {show(text)}: not a size", hint="as in 512m or 2g")
    factor: int = thousand ** _UNITS[unit]
    value = int(whole_part) * factor
    value += int(fraction or 0) * factor // 10 ** len(fraction) if fraction else 0
    if value > _INT64:
        raise UsageError(f"{what}: {show(text)}: too large")
    if value and value < least:
        raise UsageError(f"{what}: {show(text)}: the minimum is {least >> 20}m")
    return value


def cpus(text: str) -> int:
    """Read a number of CPUs as billionths; 0 is no limit."""
    whole_part, dot, fraction = text.partition(".")
    digits = whole_part + fraction
    if not digits or set(digits) - DIGITS or (dot and not fraction) or len(digits) > 18 or len(fraction) > 9:
        raise UsageError(f"cpus: {show(text)}: not a number of CPUs")
    value = int(whole_part or 0) * 1_000_000_000 + int(fraction.ljust(9, "0"))
    available = os.cpu_count() or 1
    if value and (value < 10_000_000 or value > available * 1_000_000_000):
        raise UsageError(f"cpus: {text}: must be from 0.01 to {available}, as many as there are")
    return value


def shares(text: str) -> int:
    """Read a relative share of CPU time; 0 leaves it as it is."""
    value = whole("cpu-shares", text, 0, 262144)
    if value == 1:
        raise UsageError("cpu-shares: 1: must be from 2 to 262144")
    return value


def cpuset(text: str, what: str = "cpuset-cpus") -> str:
    """Check a list of CPUs, or memory nodes, against those of this host, as intervals (CVE-2018-20699)."""
    where, things = ("node", "memory nodes") if what == "cpuset-mems" else ("cpu", "CPUs")
    try:
        with open(f"/sys/devices/system/{where}/{'possible' if where == 'cpu' else 'online'}") as file:
            possible = int(file.read().strip().rpartition("-")[2])
    except (OSError, ValueError):
        possible = (os.cpu_count() or 1) - 1 if where == "cpu" else 0
    for part in text.split(","):
        first, dash, last = part.partition("-")
        ends = [whole(what, end) for end in ((first, last) if dash else (first,))]
        if ends[-1] > possible or ends[0] > ends[-1]:
            raise UsageError(f"{what}: {part}: the {things} of this host are 0-{possible}")
    return text


def ulimit(text: str) -> Ulimit:
    """Read NAME=SOFT[:HARD]; -1 or ``unlimited``."""
    name, equals, limits = text.partition("=")
    if name not in ULIMITS or not equals:
        raise UsageError(f"ulimit: {show(text)}: expected NAME=SOFT[:HARD]", hint=f"names: {', '.join(ULIMITS)}")
    soft, colon, hard = limits.partition(":")
    values = [-1 if v in ("unlimited", "-1") else whole("ulimit", v) for v in (soft, hard if colon else soft)]
    if values[1] != -1 and (values[0] > values[1] or values[0] == -1):
        raise UsageError(f"ulimit: {text}: the soft limit is above the hard one")
    return Ulimit(name, *values)


def signal_number(text: str) -> int:
    """Read a signal: a name with or without SIG, RTMIN+n, RTMAX-n, or a number."""
    if text and not set(text) - DIGITS:
        return whole("signal", text, 1, 64)
    name = text.upper().removeprefix("SIG")
    if name in SIGNALS:
        return SIGNALS.index(name) + 1
    for prefix, base, sign in (("RTMIN", 34, 1), ("RTMAX", 64, -1)):
        if name.startswith(prefix):
            rest = name.removeprefix(prefix)
            offset = whole("signal", rest[1:], 0, 30) * sign if rest else 0
            if not rest or rest[0] == ("+" if sign > 0 else "-"):
                return base + offset
    raise UsageError(f"signal: {show(text)}: unknown")


def restart_policy(text: str) -> tuple[str, int]:
    """Read no, always, unless-stopped or on-failure[:N] as policy, empty for no, and the most starts."""
    name, colon, most = text.partition(":")
    if name not in ("no", "always", "unless-stopped", "on-failure", "") or (colon and name != "on-failure"):
        hint = "no, on-failure[:N], always or unless-stopped"
        raise UsageError(f"restart: {show(text)}: not a restart policy", hint=hint)
    return name if name != "no" else "", whole("restart", most, 0, 1 << 31) if colon else 0


def container_name(text: str) -> str:
    """Check a name for a container; a slash before it is the form that Docker's API gives."""
    text = text.removeprefix("/")
    if not 2 <= len(text) <= 128 or text[0] not in LETTERS | DIGITS or set(text) - NAME:
        raise UsageError(f"name: {show(text)}: must be 2 to 128 of [a-zA-Z0-9_.-], beginning with a letter or digit")
    return text


def hostname(text: str) -> str:
    """Check a host name: labels of at most 63 letters, digits and hyphens; 64 bytes as uname(2) has it."""
    labels = text.split(".")
    plain = all(0 < len(label) <= 63 and not set(label) - NAME and label[0] != "-" for label in labels)
    if not plain or len(text) > 64:
        raise UsageError(f"hostname: {show(text)}: not a host name")
    return text


def address(what: str, text: str) -> str:
    """Check an IPv4 or IPv6 address without a scope (T-E11)."""
    import ipaddress

    try:
        if set(text) - set("0123456789abcdefABCDEF.:"):
            raise ValueError(text)
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise UsageError(f"{what}: {show(text)}: not an IP address") from None


def word(what: str, text: str) -> str:
    """Check a word that goes into a line of a file: printable, without spaces."""
    if not text or not text.isascii() or not text.isprintable() or " " in text or "#" in text:
        raise UsageError(f"{what}: {show(text)}: not a plain word")
    return text


def add_host(text: str) -> str:
    """Read NAME:ADDRESS or NAME=ADDRESS, the address an IP address or host-gateway."""
    at = min((text.find(c) for c in ":=" if c in text), default=-1)
    if at < 1:
        raise UsageError(f"add-host: {show(text)}: expected NAME:ADDRESS")
    name, target = text[:at], text[at + 1 :].strip("[]")
    hostname_or_word = word("add-host", name)
    return f"{hostname_or_word}:{target if target == 'host-gateway' else address('add-host', target)}"


def env(text: str, environ: "dict[str, str]") -> "str | None":
    """Read KEY=VALUE, or KEY whose value is the caller's; None when the caller has none."""
    key, equals, _ = text.partition("=")
    if not key or "\0" in text:
        raise UsageError(f"env: {show(text)}: expected KEY=VALUE")
    if equals:
        return text
    return f"{key}={environ[key]}" if key in environ else None


def env_file(path: str, environ: "dict[str, str]") -> list[str]:
    """Read a file of variables by Docker's rules: one a line, # comments, no quotes."""
    found = (env(line, environ) for line in _lines("env-file", path))
    return [entry for entry in found if entry is not None]


def pairs(what: str, given: "tuple[str, ...]", files: "tuple[str, ...]" = ()) -> tuple[str, ...]:
    """Read KEY=VALUE, or KEY without a value, first those of files; of one key the last counts. Errors: UsageError."""
    found = {}
    for text in (*(line for path in files for line in _lines(f"{what}-file", path) if "=" in line), *given):
        key, _, value = text.partition("=")
        if not key or "\0" in text:
            raise UsageError(f"{what}: {show(text)}: expected KEY=VALUE")
        found[key] = value
    return tuple(f"{key}={found[key]}" for key in sorted(found))


def _lines(what: str, path: str) -> list[str]:
    """Give the lines of a file that are no comments, each of which begins with a name. Errors: UsageError."""
    try:
        with open(path, encoding="utf-8-sig", errors="strict") as file:
            lines = [line.lstrip() for line in file.read(1 << 20).splitlines()]
    except OSError as cause:
        raise UsageError(f"{what}: {show(path)}: {(cause.strerror or '').lower()}") from cause
    except ValueError as cause:
        raise UsageError(f"{what}: {show(path)}: not UTF-8 text") from cause
    for number, line in enumerate(lines, 1):
        key = line.partition("=")[0] if line and not line.startswith("#") else "plain"
        if not key:
            raise UsageError(f"{what}: {show(path)}: line {number}: no variable name")
        if any(c.isspace() for c in key):
            raise UsageError(f"{what}: {show(path)}: line {number}: a variable's name has no white space")
    return [line for line in lines if line and not line.startswith("#")]


def user(text: str) -> str:
    """Check a user as typed; names are looked up inside the container. No user is root, no group the user's own."""
    name, _, group = text.partition(":")
    for part in filter(None, (name, group)):
        if ":" in part or not part.isprintable() or not part.isascii() or part[0] in "-+":
            raise UsageError(f"user: {show(text)}: expected NAME|UID[:GROUP|GID]")
        if part.isdigit() and not (len(part) <= 10 and int(part) <= 2147483647):
            raise UsageError(f"user: {show(text)}: ids are in range 0-2147483647")
        if part[0] in DIGITS and set(part) - NAME:
            raise UsageError(f"user: {show(text)}: expected NAME|UID[:GROUP|GID]")
    return text


def group(text: str) -> str:
    """Check an additional group as typed. Errors: UsageError."""
    if not text or ":" in text:
        raise UsageError(f"group-add: {show(text)}: expected GROUP|GID")
    return user(text)
