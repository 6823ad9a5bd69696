"""Readers of devices: those that a container gets, what it may do with others, and how fast it may use a disk."""

import os

from pyrun.errors import UsageError
from pyrun.options import DIGITS, show, size, whole
from pyrun.spec import Device

_ACCESS = "rwm"


def device(text: str) -> Device:
    """Read HOST[:CONTAINER][:rwm] of --device; a directory stands for all devices in it."""
    parts = text.split(":")
    access = parts.pop() if len(parts) > 1 and is_access(parts[-1]) else _ACCESS
    if len(parts) > 2 or not all(parts):
        raise UsageError(f"device: {show(text)}: expected HOST[:CONTAINER][:rwm]")
    source = parts[0]
    if not source.startswith("/") or "\0" in text:
        raise UsageError(f"device: {show(source)}: not an absolute path")
    if not os.path.exists(source):
        raise UsageError(f"device: {show(source)}: no such file or directory")
    return Device(source, _target(os.path.normpath(parts[-1])), access)


def is_access(text: str) -> bool:
    """Claim that it is any of r, w and m, each once."""
    return bool(text) and not set(text) - set(_ACCESS) and len(set(text)) == len(text)


def _target(path: str) -> str:
    """Check where a device appears; elsewhere than in /dev it could not be opened."""
    other = any(path == each or path.startswith(each + "/") for each in ("/dev/pts", "/dev/shm", "/dev/mqueue"))
    if other or not path.startswith("/dev/"):
        raise UsageError(f"device: {show(path)}: a device of a container lies in /dev")
    return path


def rule(text: str) -> str:
    """Check TYPE MAJOR:MINOR ACCESS of --device-cgroup-rule."""
    parts = text.split(" ")
    numbers = parts[1].split(":") if len(parts) == 3 else []
    plain = len(numbers) == 2 and all(n == "*" or (n and not set(n) - DIGITS and len(n) < 10) for n in numbers)
    if not plain or parts[0] not in ("a", "b", "c") or not is_access(parts[2]):
        raise UsageError(f"device-cgroup-rule: {show(text)}: expected TYPE MAJOR:MINOR ACCESS, as in 'c 189:* rwm'")
    return text


def rate(what: str, text: str) -> str:
    """Check DEVICE:RATE, the rate bytes a second (…-bps) or operations a second (…-iops); give the plain number."""
    path, value = _limited(what, text)
    number = size(what, value) if what.endswith("bps") else whole(what, value)
    return f"{path}:{number}"


def weight_of(text: str) -> str:
    """Check DEVICE:WEIGHT of --blkio-weight-device."""
    path, value = _limited("blkio-weight-device", text)
    return f"{path}:{weight('blkio-weight-device', value)}"


def weight(what: str, text: str) -> int:
    """Read a relative share of the disks; 0 leaves it as it is."""
    number = whole(what, text, 0, 1000)
    if 0 < number < 10:
        raise UsageError(f"{what}: {number}: must be from 10 to 1000, or 0")
    return number


def _limited(what: str, text: str) -> tuple[str, str]:
    path, colon, value = text.partition(":")
    if not path.startswith("/dev/") or not colon:
        raise UsageError(f"{what}: {show(text)}: expected /dev/NAME:NUMBER")
    if not os.path.exists(path):
        raise UsageError(f"{what}: {show(path)}: no such file or directory")
    return path, value
