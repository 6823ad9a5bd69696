"""Recipes of root file systems: what a distribution, or this machine, offers, as the members of an archive.

`scripts/make-rootfs` uses them before pyrun is installed, with the distribution's Python 3.10 or later and no package
beside it. A recipe changes nothing on this machine; its members are unpacked by whoever asked for it.
"""

import subprocess

from pyrun.errors import PyrunError
from pyrun.typed import Callable, NamedTuple

KINDS = ("ubuntu", "debian", "busybox")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Unreachable(PyrunError):
    """The mirror does not answer: another source may."""


class Wish(NamedTuple):
    """What is wanted of a recipe, beside its default."""

    suite: str = ""  # a Debian suite, or an Ubuntu release
    include: "tuple[str, ...]" = ()  # packages beside those that are always there


class Listener(NamedTuple):
    """Who is told what happens meanwhile: a lasting line, a passing one, bytes done and their total (0 unknown)."""

    say: Callable[[str], object]
    tell: Callable[[str], object]
    seen: Callable[[int, int], object]


def failure(kind: str, reason: str, hint: str = "") -> PyrunError:
    """Make the error of a recipe that cannot be followed."""
    return PyrunError(f"rootfs: {kind}: {reason}", 1, hint)


def program(kind: str, name: str, package: str) -> str:
    """Give the path of a program. Errors: PyrunError saying which package has it."""
    import shutil

    path = shutil.which(name, path=_PATH)
    if path is None:
        raise failure(kind, f"{name} is not installed", f"apt-get install {package}")
    return path


def output(*command: str) -> str:
    """Run a short program of the host's; give what it prints, nothing when it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.stdout.decode(errors="replace") if done.returncode == 0 else ""
