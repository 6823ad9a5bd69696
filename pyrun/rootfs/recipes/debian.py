"""Debian's minbase with iproute2 and ping, by mmdebstrap: apt checks the signatures."""

import os
import signal
import subprocess
import threading

from pyrun.archive import tar
from pyrun.archive.tar import Member
from pyrun.contexts import contextmanager
from pyrun.errors import PyrunError
from pyrun.rootfs.recipes import Listener, Unreachable, Wish, failure, output, program
from pyrun.typed import Iterator

_KIND = "debian"
_DEFAULT = "bookworm"
_INCLUDED = ("iproute2", "iputils-ping")
_SECONDS = 900
_APT = ('Acquire::http::Timeout "20"', 'Acquire::https::Timeout "20"', 'Acquire::Retries "2"')
_NO_NETWORK = ("resolve", "connect", "timed out", "Failed to fetch", "unreachable")
_LETTERS = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-:=~/_")


@contextmanager
def members(wish: Wish, listener: Listener) -> Iterator[Iterator[Member]]:
    """Give the members, as mmdebstrap writes them. Errors: PyrunError, Unreachable."""
    mmdebstrap = program(_KIND, "mmdebstrap", "mmdebstrap debian-archive-keyring")
    for word in (wish.suite, *wish.include):
        if set(word) - _LETTERS or word.startswith("-"):
            raise failure(_KIND, f"{word!r}: is no suite and no package")
    suite, mirror = _source(wish.suite)
    listener.say(f"bootstrap Debian {suite}" + (f" from {mirror}" if mirror else ""))
    include = ",".join((*_INCLUDED, *wish.include))
    options = ["--variant=minbase", "--format=tar", f"--include={include}", *(f"--aptopt={each}" for each in _APT)]
    process = subprocess.Popen(
        [mmdebstrap, *options, suite, "-", *([mirror] if mirror else [])],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        umask=0o022,
    )
    alarm = threading.Timer(_SECONDS, os.killpg, (process.pid, signal.SIGTERM))
    alarm.start()
    try:
        yield _read(process, suite, listener)
    finally:
        alarm.cancel()
        _end(process)


def _read(process: "subprocess.Popen[bytes]", suite: str, listener: Listener) -> Iterator[Member]:
    """Read the archive while its writer's complaints are listened to: they say more than that it ends too soon."""
    complaints: list[str] = []
    ears = threading.Thread(target=_listen, args=(process, listener, complaints), daemon=True)
    ears.start()
    assert process.stdout
    broken: PyrunError | None = None
    try:
        yield from tar.members(process.stdout)
    except PyrunError as problem:
        broken = problem
    ears.join()
    if process.wait() == 0 and broken:
        raise broken
    if process.returncode:
        errors = [line.removeprefix("E: ") for line in complaints if line.startswith("E:")]
        reason = next(iter(errors + complaints), "no reason given")
        is_unreachable = any(word in line for line in complaints for word in _NO_NETWORK)
        failed = failure(_KIND, f"mmdebstrap {suite}: {reason}")
        raise Unreachable(failed.message, 1) if is_unreachable else failed


def _listen(process: "subprocess.Popen[bytes]", listener: Listener, complaints: list[str]) -> None:
    assert process.stderr
    for line in process.stderr:
        text = line.decode(errors="replace").strip()
        if text.startswith(("E:", "W:", "Err:")):
            complaints.append(text[:300])
        if text.startswith("I:"):
            listener.tell(text[3:])


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Let mmdebstrap clean up what it has made, should it still run."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()
    process.wait()


def _source(wanted: str) -> tuple[str, str]:
    """Give suite and mirror: on Debian the machine's own, elsewhere the default of both."""
    override = os.environ.get("PYRUN_DEBIAN_MIRROR", "")
    release = _os_release()
    suite = wanted or (release.get("VERSION_CODENAME", "") if release.get("ID") == _KIND else "") or _DEFAULT
    if override or release.get("ID") != _KIND:
        return suite, override
    for line in output("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)").splitlines():
        uri, _, rest = line.partition(" ")
        if rest == f"{suite} main":
            return suite, uri
    return suite, ""


def _os_release() -> dict[str, str]:
    with open("/etc/os-release", encoding="utf-8") as stream:
        pairs = (line.strip().partition("=") for line in stream)
        return {key: value.strip('"') for key, _, value in pairs}
