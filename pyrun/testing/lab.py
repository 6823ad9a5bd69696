"""A private host: a network, a /run and a state of pyrun that the machine never sees, and an internet behind it."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Literal, TypedDict, Unpack, overload

import pyrun
from pyrun.__main__ import isolated
from pyrun.api import arguments, calls, places, programs
from pyrun.api.containers import Container
from pyrun.api.networks import Network
from pyrun.api.option_types import NetworkOptions, Path, RunOptions, VolumeOptions
from pyrun.api.places import Place
from pyrun.api.programs import Result
from pyrun.api.volumes import Volume
from pyrun.errors import PyrunError, TimedOut
from pyrun.testing import warden
from pyrun.testing.reach import Claim

Where = Container | str  # "host", "internet", or a container


class Packet(TypedDict, total=False):
    """What is sent."""

    port: "int | None"
    protocol: "str | None"  # tcp, udp or icmp
    ipv6: bool


class Lab(Place):
    """A private host, until it is closed; a context manager.

    It has an uplink ``up0`` with 198.51.100.2/24 (and 2001:db8:1::2/64), and a default route to 198.51.100.1
    (2001:db8:1::1), which is the internet: a network namespace with nothing in it but what a test starts there. Files
    are the machine's, but /run and pyrun's state are empty; names of root file systems are the machine's.
    """

    address, address6 = warden.HOST[0], warden.HOST6[0]
    internet_address, internet_address6 = warden.INTERNET[0], warden.INTERNET6[0]

    def __init__(self, ipv6: bool = True) -> None:
        """Make a host, with IPv6 to the internet unless *ipv6* is false. Errors: PyrunError, without root too."""
        calls.need_root()
        main = f"from pyrun.testing.warden import main; main({ipv6!r})"
        pipe = subprocess.PIPE
        self._warden = subprocess.Popen(isolated(main, []), stdin=pipe, stdout=pipe, stderr=pipe)
        assert self._warden.stdout
        told = self._warden.stdout.readline()
        if not told:
            reason = self._said().rpartition("\n")[2]  # of a traceback
            raise PyrunError(f"lab: cannot be made: {reason}")
        self.pid = self._warden.pid  # for nsenter -t PID -n -m
        self.internet_pid = int(told)
        opened = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for pid, kind in self._namespaces()]
        mounts, network, self._internet = opened
        self._opened = opened
        super().__init__(f"lab {self.pid}", mounts, network)

    def close(self) -> None:
        """End everything that runs on the host, in its containers and on its internet, and the host.

        Errors: PyrunError when something stays.
        """
        if places.current() is self:
            raise PyrunError("lab: cannot be closed from inside")
        while self._opened:
            os.close(self._opened.pop())
        left = self._said()
        if self._warden.returncode:
            raise PyrunError(f"lab: left behind: {left}")

    @contextmanager
    def inside(self, where: Where = "host") -> Iterator[None]:
        """Be there with this thread for a while: on the host, on the internet, or in a container's network.

        Sockets, processes and threads that are begun meanwhile stay there. `pyrun.run` and the like are asked of
        this host. Other threads are where they were; nothing may be awaited meanwhile.
        """
        with self.entered():
            if isinstance(where, Container):
                with where.inside():
                    yield
            elif where == "internet":
                with places.visiting(self._internet):
                    yield
            elif where == "host":
                yield
            else:
                raise PyrunError(f"lab: {where}: expected host, internet or a container")

    def call(
        self,
        command: "str | Sequence[str]",
        where: Where = "host",
        *,
        check: bool = False,
        input: "str | bytes | None" = None,
        timeout: "float | None" = 60,
    ) -> Result:
        """Run one of the machine's programs there; give its exit code and output. No shell runs the command.

        Errors: Failed with *check* when the exit code is not 0; TimedOut after *timeout* seconds; OSError when there
        is no such program.
        """
        given = programs.encoded(input)
        words = arguments.program(command)
        with self.popen(words, where, stdin=subprocess.DEVNULL if given is None else subprocess.PIPE) as process:
            try:
                stdout, stderr = process.communicate(given, timeout)
            except BaseException as problem:
                process.kill()
                if isinstance(problem, subprocess.TimeoutExpired):
                    raise TimedOut(f"{words[0]}: not done after {timeout} seconds: killed", 1) from None
                raise
        code = process.returncode if process.returncode >= 0 else 128 - process.returncode
        result = Result(code, stdout, stderr)
        return result.check(words[0]) if check else result

    def popen(self, command: "str | Sequence[str]", where: Where = "host", **options: Any) -> "subprocess.Popen[bytes]":
        """Start one of the machine's programs there, with pipes unless *options* of Popen say otherwise."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with self.inside(where):
            return subprocess.Popen(arguments.program(command), **{**pipes, **options})

    def assert_reachable(
        self,
        source: Where,
        target: Where,
        *,
        timeout: float = 5.0,
        **packet: Unpack[Packet],
    ) -> None:
        """Claim that *source* reaches *target*, and wait for it for *timeout* seconds at most.

        Both are a container, ``host`` or ``internet``, the target also an address. *protocol* is ``tcp``, ``udp``
        (what listens has to answer), or ``icmp``, which it is without a *port*. A container is meant by its address on
        a network that both are on, if there is one, with *ipv6* by its IPv6 address.

        Errors: AssertionError, with the way of the packet and the rule that stops it.
        """
        __tracebackhide__ = True
        Claim(self, source, target, **packet).holds(timeout)

    def assert_unreachable(
        self,
        source: Where,
        target: Where,
        *,
        timeout: float = 1.0,
        **packet: Unpack[Packet],
    ) -> None:
        """Claim that *source* does not reach *target*, where something listens; silence has to last *timeout* seconds.

        Errors: AssertionError when it does, and when only nobody listens there: that would prove nothing.
        """
        __tracebackhide__ = True
        Claim(self, source, target, **packet).fails(timeout)

    def why(
        self,
        source: Where,
        target: Where,
        **packet: Unpack[Packet],
    ) -> str:
        """Give the way of a packet from *source* to *target*, and the rule that decides: `pyrun network why`."""
        return Claim(self, source, target, **packet).why()

    @overload
    def run(
        self,
        rootfs: Path,
        command: "str | Sequence[str] | None" = None,
        *,
        detach: Literal[True],
        **options: Unpack[RunOptions],
    ) -> Container: ...
    @overload
    def run(
        self,
        rootfs: Path,
        command: "str | Sequence[str] | None" = None,
        *,
        detach: Literal[False] = False,
        check: bool = False,
        input: "str | bytes | None" = None,
        timeout: "float | None" = None,
        **options: Unpack[RunOptions],
    ) -> Result: ...
    def run(self, rootfs: Path, command: "str | Sequence[str] | None" = None, **options: Any) -> "Container | Result":
        """Do `pyrun.run` on this host."""
        with self.entered():
            made: Container | Result = pyrun.run(rootfs, command, **options)
            return made

    def create(
        self, rootfs: Path, command: "str | Sequence[str] | None" = None, **options: Unpack[RunOptions]
    ) -> Container:
        """Do `pyrun.create` on this host."""
        with self.entered():
            return pyrun.create(rootfs, command, **options)

    def container(self, name: str) -> Container:
        """Do `pyrun.container` on this host."""
        with self.entered():
            return pyrun.container(name)

    def containers(self, all: bool = False) -> list[Container]:
        """Do `pyrun.containers` on this host."""
        with self.entered():
            return pyrun.containers(all)

    def create_network(self, name: str, **options: Unpack[NetworkOptions]) -> Network:
        """Do `pyrun.create_network` on this host."""
        with self.entered():
            return pyrun.create_network(name, **options)

    def network(self, name: str) -> Network:
        """Do `pyrun.network` on this host."""
        with self.entered():
            return pyrun.network(name)

    def networks(self) -> list[Network]:
        """Do `pyrun.networks` on this host."""
        with self.entered():
            return pyrun.networks()

    def create_volume(self, name: "str | None" = None, **options: Unpack[VolumeOptions]) -> Volume:
        """Do `pyrun.create_volume` on this host."""
        with self.entered():
            return pyrun.create_volume(name, **options)

    def volume(self, name: str) -> Volume:
        """Do `pyrun.volume` on this host."""
        with self.entered():
            return pyrun.volume(name)

    def volumes(self) -> list[Volume]:
        """Do `pyrun.volumes` on this host."""
        with self.entered():
            return pyrun.volumes()

    def __enter__(self) -> "Lab":
        return self

    def __exit__(
        self, kind: "type[BaseException] | None", problem: "BaseException | None", trace: "TracebackType | None"
    ) -> None:
        self.close()

    def _namespaces(self) -> list[tuple[int, str]]:
        return [(self.pid, "mnt"), (self.pid, "net"), (self.internet_pid, "net")]

    def _said(self) -> str:
        """Let the warden end; give what it says about that."""
        with suppress(ValueError):  # it has been closed
            _, stderr = self._warden.communicate()
            return stderr.decode(errors="replace").strip()
        return ""
