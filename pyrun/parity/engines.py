"""The two engines: how each is called, which version it has, how the tree of a run comes into it."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pyrun
from pyrun.__main__ import isolated, program
from pyrun.errors import PyrunError
from pyrun.typed import NamedTuple

TREE = "pyrun-parity"  # the image and the root file system of a run, by which its containers are known
_PATIENCE = 180  # seconds for a command of an engine, which may be emulated


class Engine(NamedTuple):
    """One of the two."""

    name: str
    command: tuple[str, ...]
    version: str

    def call(self, *words: str, check: bool = True) -> str:
        """Give what a command prints. Errors: PyrunError with the engine's own words when it fails, and *check*."""
        done = _called([*self.command, *words])
        if check and done.returncode:
            raise PyrunError(f"{self.name} {' '.join(words[:2])}: {_last_line(done.stderr)}")
        return done.stdout.decode(errors="replace")

    def answers(self, *lines: Sequence[str]) -> list[str]:
        """Give what commands print that are run at the same time. Errors: PyrunError when one fails."""
        with ThreadPoolExecutor(len(lines)) as pool:
            return list(pool.map(lambda line: self.call(*line), lines))


def ours() -> Engine:
    """Give pyrun, as this process runs it."""
    return Engine("pyrun", tuple(isolated(program, [])), pyrun.__version__)


def docker(path: str = "", host: str = "") -> Engine:
    """Give Docker by its client at *path* and its daemon at *host*; else those that a shell finds.

    Errors: PyrunError when there is no client, or it cannot reach its daemon.
    """
    client = shutil.which(path or "docker")
    if client is None:
        hint = "say where it is with --docker" if not path else "--docker wants a program"
        raise PyrunError(f"docker: {path or 'docker'}: not found on this host", hint=hint)
    command = (os.path.abspath(client), *(("-H", host) if host else ()))
    done = _called([*command, "version", "--format", "{{.Server.Version}}"])
    version = done.stdout.decode(errors="replace").strip()
    if done.returncode or not version:
        hint = "start dockerd, or say where it listens with -H or DOCKER_HOST"
        raise PyrunError(f"docker: cannot be reached: {_last_line(done.stderr)}", hint=hint)
    return Engine("docker", command, version)


def take_in(engine: Engine, directory: str) -> None:
    """Let *engine* have a copy of the tree in *directory* under the name TREE. Errors: PyrunError, OSError."""
    verb = ("import", "-", TREE) if engine.name == "docker" else ("rootfs", "import", "-", TREE)
    with subprocess.Popen(["tar", "-C", directory, "--numeric-owner", "-c", "."], stdout=subprocess.PIPE) as tar:
        done = subprocess.run([*engine.command, *verb], stdin=tar.stdout, capture_output=True, check=False)
    if done.returncode or tar.returncode:
        raise PyrunError(f"{engine.name}: {directory}: cannot be imported: {_last_line(done.stderr)}")


def let_go(engine: Engine) -> None:
    """Remove the tree of a run, if it is there. Errors: PyrunError when something uses it."""
    if engine.name == "docker":
        if engine.call("images", "-q", TREE).strip():
            engine.call("rmi", TREE)
    elif TREE in engine.call("rootfs", "ls", "-q").split():
        engine.call("rootfs", "rm", TREE)


def _called(command: Sequence[str]) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False, umask=0o022
        )
    except subprocess.TimeoutExpired:
        raise PyrunError(f"{command[0]}: no answer in {_PATIENCE} seconds") from None
    except OSError as cause:
        raise PyrunError(f"{command[0]}: {os.strerror(cause.errno or 0).lower()}") from cause


def _last_line(text: bytes) -> str:
    lines = [line for line in text.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("pyrun: ").strip() if lines else "it says nothing"
