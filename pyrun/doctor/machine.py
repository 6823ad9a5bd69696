"""This machine: who asks, the kernel's release, the interpreter, libraries and programs, space."""

import os
import platform
import sys

from pyrun import paths
from pyrun.doctor import Finding, fail, ok, unseen, warn
from pyrun.errors import PyrunError
from pyrun.kernel import programs, seccomp
from pyrun.runtime import host
from pyrun.typed import Iterator

_OLDEST = (5, 12)
_MACHINES = ("x86_64", "aarch64")
_MIB = 1 << 20
_TIGHT, _FULL = 1024 * _MIB, 64 * _MIB  # free space that is little, and too little
_FEW = 5000  # inodes: a start makes some ten


def _root() -> Iterator[Finding]:
    if os.geteuid() == 0:
        yield ok("root", "yes")
    else:
        yield warn(
            "root", "no: what only root can see is left out", "pyrun was called by somebody else", "sudo pyrun doctor"
        )


def _release() -> Iterator[Finding]:
    told = os.uname()
    numbers = tuple(int("".join(filter(str.isdigit, part)) or 0) for part in told.release.split("-")[0].split(".")[:2])
    about = f"Linux {told.release}, {told.machine}"
    if numbers < _OLDEST:
        yield fail("kernel", about, "5.12 or later is needed: mount_setattr(2)", "apt full-upgrade && reboot")
    elif told.machine not in _MACHINES:
        yield fail("kernel", about, f"only {' and '.join(_MACHINES)} are supported", "use another machine")
    else:
        yield ok("kernel", about)


def _interpreter() -> Iterator[Finding]:
    yield ok("interpreter", f"Python {platform.python_version()}, {sys.executable}")


def _libseccomp() -> Iterator[Finding]:
    try:
        path = seccomp.library()
    except PyrunError as problem:
        yield fail("libseccomp", problem.message, "no container starts without its filter", "apt install libseccomp2")
        return
    yield ok("libseccomp", path)


def _init() -> Iterator[Finding]:
    yield ok("init", programs.find(*host.INITS) or "none: run --init needs one (apt install tini)")


def _space() -> Iterator[Finding]:
    path = paths.STATE
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    try:
        told = os.statvfs(path)
    except PermissionError:
        yield unseen("space")
        return
    free = told.f_bavail * told.f_frsize
    text = f"{_size(free)} of {_size(told.f_blocks * told.f_frsize)} are free under {paths.STATE}"
    cause, fix = "what containers write lies there", f"du -xh -d 2 {paths.STATE} | sort -h; pyrun ps -a; pyrun rm NAME"
    if free < _FULL or (told.f_files and told.f_favail < 100):
        yield fail("space", text, cause, fix)
    elif free < _TIGHT or (told.f_files and told.f_favail < _FEW):
        yield warn("space", text, cause, fix)
    else:
        yield ok("space", text)


def _size(number: int) -> str:
    return f"{number / (1 << 30):.1f} GiB" if number >= 1 << 30 else f"{number // _MIB} MiB"


CHECKS = (
    ("root", _root),
    ("kernel", _release),
    ("interpreter", _interpreter),
    ("libseccomp", _libseccomp),
    ("init", _init),
    ("space", _space),
)
