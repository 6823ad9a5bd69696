"""Containers, as Python objects: run, looked at, stopped, removed.

What changes something is performed by `pyrun.api.calls` in a process of its own; what only looks is read right here.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from signal import Signals
from typing import Any, NamedTuple, Unpack

from pyrun import store
from pyrun.api import arguments, calls, places, programs
from pyrun.api.calls import Call
from pyrun.api.option_types import ExecOptions, Moment, Path, UpdateOptions
from pyrun.api.programs import Attachment, Execution, Output, Result
from pyrun.api.things import Thing
from pyrun.errors import NotFound, PyrunError, TimedOut
from pyrun.network import standing
from pyrun.spec import Endpoint
from pyrun.store import Status

_AGAIN = 0.02  # seconds between looks


class PublishedPort(NamedTuple):
    """A port of the host that leads to one of a container."""

    protocol: str  # tcp, udp or sctp
    container_port: int
    host_address: str  # 0.0.0.0 and :: are all addresses
    host_port: int


class Container(Thing):
    """A container of this host, by its id; each look at it is a new one.

    As a context manager it is removed at the end, running or not. Errors of every method: NotFound when it is
    gone, PyrunError with the cause and the exit code that the command line would end with.
    """

    @property
    def id(self) -> str:
        """Give the id, 64 hexadecimal digits."""
        return self._id

    @property
    def name(self) -> str:
        """Give the name."""
        return self._found().name

    @property
    def status(self) -> str:
        """Give created, running, paused, restarting, exited or corrupt."""
        return self._status().state

    @property
    def exit_code(self) -> "int | None":
        """Give the exit code of the program; None until it has ended, 255 when nobody saw it."""
        status = self._status()
        return status.exit_code if status.state == "exited" else None

    @property
    def health(self) -> str:
        """Give starting, healthy or unhealthy; empty when nothing checks it."""
        return self._status().health

    @property
    def pid(self) -> int:
        """Give the program's process number on the host; 0 when it does not run."""
        return self._status().pid

    @property
    def rootfs(self) -> str:
        """Give the root file system as it was named."""
        config = self._found().config
        return config.image if config else ""

    @property
    def labels(self) -> dict[str, str]:
        """Give the labels."""
        config = self._found().config
        return dict(label.split("=", 1) for label in config.labels) if config else {}

    @property
    def ip_address(self) -> str:
        """Give the IPv4 address on the network that it was plugged into first; empty where there is none."""
        return next(iter(self.ip_addresses.values()), "")

    @property
    def ip_addresses(self) -> dict[str, str]:
        """Give the IPv4 address on each network, by the network's name; empty when it does not run."""
        return {end.network.name: end.address for end in self._plugs()}

    @property
    def ip6_addresses(self) -> dict[str, str]:
        """Give the IPv6 address on each network that has one, by the network's name."""
        return {end.network.name: end.address6 for end in self._plugs() if end.address6}

    @property
    def ports(self) -> list[PublishedPort]:
        """List the ports of the host that lead here, while it runs."""
        published = [port for end in self._plugs() for port in end.published]
        return [PublishedPort(port.protocol, port.target, port.address, port.port) for port in published]

    def port(self, container_port: int, protocol: str = "tcp") -> int:
        """Give the host's port that leads to a port of the container. Errors: NotFound when none does."""
        for port in self.ports:
            if (port.container_port, port.protocol) == (container_port, protocol):
                return port.host_port
        raise NotFound(f"container {self.name}: port {container_port}/{protocol} is not published")

    def inspect(self) -> dict[str, Any]:
        """Give all that is known, in the shape of `docker inspect`."""
        found: list[dict[str, Any]] = self._document("inspect")
        return found[0]

    def exec(
        self,
        command: "str | Sequence[str]",
        *,
        check: bool = False,
        input: "str | bytes | None" = None,
        timeout: "float | None" = None,
        **options: Unpack[ExecOptions],
    ) -> Result:
        """Run another program in the container; give its exit code and output.

        *command* is a list of words, or a string that is split as a shell would; no shell runs it. *input* is
        what the program reads. After *timeout* seconds it is killed.

        Errors: Failed with *check* when the exit code is not 0, TimedOut, PyrunError with code 126 or 127 when the
        program cannot be executed or is not there, and 1 when the container does not run.
        """
        given = programs.encoded(input)
        call = self._exec(command, given is not None, dict(options))
        result = programs.finished(call, given, timeout)
        return result.check("exec") if check else result

    def exec_stream(
        self, command: "str | Sequence[str]", *, stdin: bool = False, **options: Unpack[ExecOptions]
    ) -> Execution:
        """Run another program in the container; give it while it runs, to read what it writes.

        With *stdin* it can be written to. That it cannot be executed is told by `Execution.wait`.
        """
        return Execution(self._exec(command, stdin, dict(options)))

    def logs(
        self,
        follow: bool = False,
        *,
        since: "Moment | None" = None,
        until: "Moment | None" = None,
        tail: "int | None" = None,
        timestamps: bool = False,
    ) -> Iterator[Output]:
        """Give what the container wrote, in pieces of lines, oldest first; with *follow* go on until it has ended.

        *since* and *until* are a datetime, seconds since the epoch, or as `pyrun logs` takes them (``"10m"`` is ten
        minutes ago); *tail* is how many of the last lines. Errors: PyrunError for no moment, and where nothing is kept.
        """
        from pyrun.runtime import logrecords, logs

        view = logrecords.View(_stamp("since", since), _stamp("until", until), timestamps)
        pieces = logs.recorded(self._found(), follow, view, logs.ALL if tail is None else tail)
        return (Output(*piece) for piece in places.stepwise(self._place, pieces))

    def output(self) -> str:
        """Give all that it wrote until now, standard output and error in their order, as text."""
        return b"".join(piece.data for piece in self.logs()).decode(errors="replace")

    def wait_for_output(self, text: str, timeout: float = 10.0) -> str:
        """Wait until the container has written *text*; give all that it wrote until then.

        Errors: TimedOut after *timeout* seconds; PyrunError when it has ended without.
        """
        deadline = time.monotonic() + timeout
        while True:
            running = self._is_running()  # before the look: what it wrote last is seen
            told = self.output()
            if text in told:
                return told
            if not running:
                raise PyrunError(f"container {self.name}: ended without writing {text!r}: {told[-200:]!r}", 1)
            if time.monotonic() > deadline:
                raise TimedOut(f"container {self.name}: has not written {text!r} in {timeout} seconds", 1)
            time.sleep(_AGAIN)

    def wait(self, timeout: "float | None" = None) -> int:
        """Wait for the container to end; give its exit code. Errors: TimedOut after *timeout* seconds."""
        return int(self._perform("wait", {}, timeout).stdout)

    def start(self) -> None:
        """Start the container again, or for the first time; one that runs is left as it is."""
        self._perform("start", {})

    def restart(self, time: "int | None" = None, signal: "str | int | None" = None) -> None:
        """Stop the container as `stop` does, and start it again."""
        self._perform("restart", {"time": time, "signal": _signal(signal)})

    def attach(self, stdin: bool = False) -> Attachment:
        """Connect to what the program writes from now on, and with *stdin* to what it reads, if it was made so.

        `Attachment.wait` gives the container's exit code. Errors, told there: PyrunError when it does not run.
        """
        words = arguments.words("attach", {}, [self._id])
        words[1:1] = [] if stdin else ["--no-stdin"]
        return Attachment(Call(self._place, words, *([subprocess.PIPE] if stdin else [])))

    def pause(self) -> None:
        """Stop all of its processes where they are. Errors: PyrunError when it does not run."""
        self._perform("pause", {})

    def unpause(self) -> None:
        """Let its processes go on."""
        self._perform("unpause", {})

    def rename(self, name: str) -> None:
        """Give it another name. Errors: PyrunError when that is taken."""
        calls.perform(self._place, arguments.words("rename", {}, [self._id, name]))

    def update(self, **options: Unpack[UpdateOptions]) -> None:
        """Change its limits and restart policy, at once: ``memory="64m"``, ``cpus=0.5``, ``restart="always"``."""
        self._perform("update", dict(options))

    def copy_in(self, source: Path, target: str) -> None:
        """Copy a file or directory of the host to *target* in the container, as `pyrun cp` does."""
        calls.perform(self._place, arguments.words("cp", {"quiet": True}, [str(source), f"{self._id}:{target}"]))

    def copy_out(self, source: str, target: Path) -> None:
        """Copy a file or directory of the container to *target* on the host."""
        calls.perform(self._place, arguments.words("cp", {"quiet": True}, [f"{self._id}:{source}", str(target)]))

    def diff(self) -> list[tuple[str, str]]:
        """List what it has changed in its root file system: A added, C changed or D deleted, and the path."""
        lines = self._perform("diff", {}).stdout.decode(errors="surrogateescape").splitlines()
        return [(line[:1], line[2:]) for line in lines]

    def export(self, target: Path) -> None:
        """Write its root file system to *target* as a tar archive, which appears when it is complete."""
        self._perform("export", {"output": os.path.abspath(target)})

    def top(self, options: "str | Sequence[str]" = ()) -> list[dict[str, str]]:
        """List its processes: the columns of the host's ps by their headings, as *options* of ps choose them.

        Errors: PyrunError when it does not run, or in ps's words.
        """
        given = [self._id, *arguments.program(options)]
        return programs.table(calls.perform(self._place, arguments.words("top", {}, given)).stdout)

    def stats(self) -> dict[str, Any]:
        """Measure what it takes of the machine, once; the fields and units of `pyrun stats --format json`."""
        found: dict[str, Any] = json.loads(self._perform("stats", {"no_stream": True, "format": "json"}).stdout)
        return found

    def stop(self, time: "int | None" = None, signal: "str | int | None" = None) -> None:
        """Ask the program to end, by its own *signal* unless one is given; kill it after *time* seconds.

        Without *time* these are the container's own, and negative for never.
        """
        self._perform("stop", {"time": time, "signal": _signal(signal)})

    def kill(self, signal: "str | int" = "KILL") -> None:
        """Send a signal to the program. Errors: PyrunError when it does not run."""
        self._perform("kill", {"signal": _signal(signal)})

    def remove(self, force: bool = False, volumes: bool = False) -> None:
        """Remove the container, a running one by *force* only, and the *volumes* that were made for it alone."""
        self._perform("rm", {"force": force, "volumes": volumes})

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Be in the container's network with this thread: sockets made meanwhile are the container's.

        Files and names stay the host's. Errors: PyrunError when it does not run.
        """
        from pyrun.runtime import topology

        with self._place.entered():
            opened = topology.opened(self._found())
            _, pidfd = opened.__enter__()
        try:
            with places.visiting(pidfd):
                yield
        finally:
            opened.__exit__(None, None, None)

    def _leave(self) -> None:
        self.remove(force=True)

    def _as_option(self) -> str:
        return f"container:{self._id}"

    def _exec(self, command: "str | Sequence[str]", stdin: bool, options: dict[str, Any]) -> Call:
        words = arguments.words("exec", options, [self._id, *arguments.program(command)])
        words[1:1] = ["--interactive"] if stdin else []
        return Call(self._place, words, *([subprocess.PIPE] if stdin else []))

    def _perform(self, verb: str, options: dict[str, Any], timeout: "float | None" = None) -> calls.Said:
        return calls.perform(self._place, arguments.words(verb, options, [self._id]), timeout)

    def _document(self, verb: str) -> Any:
        return calls.document(self._place, [verb, self._id])

    def _found(self) -> store.Container:
        with self._place.entered():
            return store.find(self._id)

    def _status(self) -> Status:
        with self._place.entered():
            return store.find(self._id).status()

    def _is_running(self) -> bool:
        with suppress(NotFound):
            return self._status().state == "running"
        return False

    def _plugs(self) -> list[Endpoint]:
        with self._place.entered():
            store.find(self._id)
            return standing.plugs(self._id)


def _signal(given: "str | int | None") -> "str | int | None":
    return int(given) if isinstance(given, Signals) else given


def _stamp(what: str, given: "Moment | None") -> str:
    """Give a moment as a log's records have it; empty for none. Errors: PyrunError."""
    from pyrun import moments

    found = arguments.moment(what, given)
    return "" if found is None else moments.stamp(found)


def containers(all: bool = False) -> list[Container]:
    """List the containers that run, newest first, or *all* of them. Errors: PyrunError."""
    calls.need_root()
    place = places.current()
    with place.entered():
        found = store.containers()
        wanted = [each for each in found if all or each.status().state in ("running", "paused")]
    return [Container(each.id, place) for each in wanted]


def container(name: str) -> Container:
    """Find a container by name, id or the unique beginning of its id. Errors: NotFound, UsageError."""
    calls.need_root()
    place = places.current()
    with place.entered():
        return Container(store.find(name).id, place)
