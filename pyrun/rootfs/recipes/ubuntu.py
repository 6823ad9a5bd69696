"""Ubuntu Base from cdimage.ubuntu.com, its SHA-256 compared with the published list."""

import hashlib
import os
import re
import tempfile
import threading
import time
import urllib.request

from pyrun.archive import compression, tar
from pyrun.archive.tar import Member
from pyrun.contexts import contextmanager
from pyrun.rootfs.recipes import Listener, Unreachable, Wish, failure, output
from pyrun.typed import Any, Iterator

_KIND = "ubuntu"
_MIRROR = os.environ.get("PYRUN_UBUNTU_MIRROR", "https://cdimage.ubuntu.com/ubuntu-base/releases")
_RELEASE = os.environ.get("PYRUN_UBUNTU_RELEASE", "24.04")
_REACH_SECONDS = 20  # for the first answer of a mirror, name resolution included
_READ_SECONDS = 30  # for any one read
_SECONDS = 900  # for all of the archive
_BLOCK = 1 << 16


@contextmanager
def members(wish: Wish, listener: Listener) -> Iterator[Iterator[Member]]:
    """Give the members of the newest archive of a release. Errors: PyrunError, Unreachable."""
    if wish.include:
        raise failure(_KIND, "takes no packages", "apt-get install them in a container")
    release = wish.suite or _RELEASE
    if not re.fullmatch(r"[0-9]{2}\.[0-9]{2}", release, re.ASCII):
        raise failure(_KIND, f"{release!r}: is no release", "as in 24.04")
    base = f"{_MIRROR}/{release}/release"
    name, expected = newest_archive(_list(f"{base}/SHA256SUMS"), output("dpkg", "--print-architecture").strip())
    listener.say(f"download {base}/{name}")
    with tempfile.TemporaryFile() as file:
        actual = _download(f"{base}/{name}", file, listener)
        if actual != expected:
            raise failure(_KIND, f"{base}/{name}: checksum {actual} is not the published {expected}")
        listener.say(f"sha256 verified: {expected}")
        file.seek(0)
        yield tar.members(compression.plain(file))


def newest_archive(sums: str, architecture: str) -> tuple[str, str]:
    """Choose from SHA256SUMS the latest point release for *architecture*: file name and digest. Errors: PyrunError."""
    pattern = re.compile(rf"([0-9a-f]{{64}}) [ *](ubuntu-base-([0-9.]+)-base-{re.escape(architecture)}\.tar\.gz)")
    found = [match for match in map(pattern.fullmatch, sums.splitlines()) if match]
    if not found:
        raise failure(_KIND, f"no archive for {architecture or 'this machine'}")
    best = max(found, key=lambda match: [int(part) for part in match[3].split(".")])
    return best[2], best[1]


def _list(url: str) -> str:
    """Give the body of a small file. Errors: Unreachable after _REACH_SECONDS, whatever the resolver does."""
    answer: list[bytes | Exception] = []

    def fetch() -> None:
        try:
            with urllib.request.urlopen(url, timeout=_REACH_SECONDS) as response:
                answer.append(response.read(1 << 20))
        except Exception as error:
            answer.append(error)

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    thread.join(_REACH_SECONDS)
    first = answer[0] if answer else TimeoutError(f"no answer within {_REACH_SECONDS} s")
    if isinstance(first, Exception):
        raise _unreachable(url, first) from first
    return first.decode("ascii", "replace")


def _unreachable(url: str, cause: Exception) -> Unreachable:
    reason = getattr(cause, "reason", None) or cause
    text = getattr(reason, "strerror", None) or str(reason)
    return Unreachable(f"rootfs: {_KIND}: {url}: {text.lower()}", 1)


def _download(url: str, file: Any, listener: Listener) -> str:
    """Store *url* in *file* and give its SHA-256 in hexadecimal. Errors: PyrunError, Unreachable."""
    digest, done, limit = hashlib.sha256(), 0, time.monotonic() + _SECONDS
    try:
        with urllib.request.urlopen(url, timeout=_READ_SECONDS) as response:
            total = int(response.headers.get("Content-Length") or 0)
            while block := response.read(_BLOCK):
                file.write(block)
                digest.update(block)
                done += len(block)
                listener.seen(done, total)
                if time.monotonic() > limit:
                    raise failure(_KIND, f"{url}: not complete after {_SECONDS} s")
    except OSError as cause:
        raise _unreachable(url, cause) from cause
    if total and done != total:
        raise failure(_KIND, f"{url}: connection ended after {done} of {total} bytes")
    return digest.hexdigest()
