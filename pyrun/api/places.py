"""Where a thread is: on this machine, on a private host, or with its sockets inside a container.

Linux gives each thread a network namespace of its own, and a mount namespace once it shares its root and working
directory with no other thread. So one thread can be elsewhere for a while, with every process and thread that it
starts there, and no other thread notices.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from pyrun.kernel import syscalls

_Item = TypeVar("_Item")
_CLONE_FS = 0x200  # linux/sched.h: root, working directory and umask


class Place:
    """A host: its network and its mounts, and with them its own state of pyrun."""

    def __init__(self, name: str, mounts: int = -1, network: int = -1) -> None:
        """Take descriptors of its mount and network namespaces, which the caller closes."""
        self.name = name
        self._mounts = mounts
        self._network = network

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be there with this thread for a while. Errors: OSError, EBADF when the place is gone."""
        if _thread.place is self and not _thread.visiting:
            yield
            return
        mounts, network = self._mounts, self._network
        if self is MACHINE and _thread.first:
            mounts, network = _thread.first.mounts, _thread.first.network
        with _moved(mounts if _thread.place is not self else -1, network, self, visiting=False):
            yield


@contextmanager
def visiting(network: int) -> Iterator[None]:
    """Be in the network namespace of a descriptor, its own or a process's, with this thread's sockets. Errors: OSError.

    What pyrun is asked meanwhile is asked of the place that the thread came from.
    """
    with _moved(-1, network, _thread.place, visiting=True):
        yield


def current() -> Place:
    """Give the place that this thread is in."""
    return _thread.place


def stepwise(place: Place, items: "Iterator[_Item]") -> "Iterator[_Item]":
    """Give *items*, of which each is looked for at *place*; in between the thread is where its owner wants it."""
    while True:
        with place.entered():
            try:
                item = next(items)
            except StopIteration:
                return
        yield item


class _Position:
    """The namespaces and directories of a thread, to come back to."""

    def __init__(self) -> None:
        self.mounts = _opened("/proc/thread-self/ns/mnt")
        self.network = _opened("/proc/thread-self/ns/net")
        self._root = _opened("/")
        self._directory = -1
        with suppress(OSError):  # it may have been removed
            self._directory = _opened(".")

    def resume(self, mounts: bool) -> None:
        """Be here again."""
        syscalls.setns(self.network, syscalls.CLONE_NEWNET)
        if mounts:
            syscalls.unshare(_CLONE_FS)  # a thread that was begun meanwhile shares it again
            syscalls.setns(self.mounts, syscalls.CLONE_NEWNS)
            os.fchdir(self._root)
            os.chroot(".")
            if self._directory >= 0:
                os.fchdir(self._directory)

    def close(self) -> None:
        """Close the descriptors."""
        for fd in (self.mounts, self.network, self._root, self._directory):
            if fd >= 0:
                os.close(fd)


class _Thread(threading.local):
    """What is true of each thread."""

    place: Place
    visiting: bool = False
    first: "_Position | None" = None  # where it was before it went anywhere

    def __init__(self) -> None:
        self.place = MACHINE


MACHINE = Place("this machine")
_thread = _Thread()


@contextmanager
def _moved(mounts: int, network: int, place: Place, visiting: bool) -> Iterator[None]:
    """Join namespaces, -1 for one that stays as it is, and come back."""
    here = _Position()
    former = (_thread.place, _thread.visiting, _thread.first)
    try:
        if mounts >= 0:
            syscalls.unshare(_CLONE_FS)  # else all threads would change their root
        try:
            _join(mounts, network)
            _thread.place, _thread.visiting, _thread.first = place, visiting, _thread.first or here
            yield
        finally:
            _thread.place, _thread.visiting, _thread.first = former
            here.resume(mounts >= 0)
    finally:
        here.close()


def _join(mounts: int, network: int) -> None:
    if mounts >= 0:
        directory = _directory()
        syscalls.setns(mounts, syscalls.CLONE_NEWNS)
        with suppress(OSError):  # else it is the root directory
            os.chdir(directory)
    if network >= 0:
        syscalls.setns(network, syscalls.CLONE_NEWNET)


def _directory() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return "/"


def _opened(path: str) -> int:
    flags = os.O_RDONLY if path.startswith("/proc") else os.O_PATH
    return os.open(path, flags | os.O_CLOEXEC)
