"""Where a root file system is found: a directory, a name of one, or @host."""

import os

from pyrun import paths
from pyrun.contexts import suppress
from pyrun.errors import UsageError, show

HOST = "@host"  # the host's own file system, read-only below the container's changes


def find(argument: str) -> str:
    """Give the absolute directory that *argument* means.

    A directory as typed, else a name under /var/lib/pyrun/rootfs or, in a
    checkout, under its rootfs/. Errors: UsageError saying where was looked.
    """
    if argument == HOST:
        return "/"
    if "\0" in argument or not argument:
        raise UsageError(f"rootfs: {show(argument)}: not a path")
    typed, named = os.path.abspath(argument), "/" not in argument and not argument.startswith(".")
    for place in (typed, *(f"{directory}/{argument}" for directory in _libraries() if named)):
        if os.path.isdir(place):
            return _checked(argument, os.path.realpath(place))
    if os.path.lexists(typed):
        raise UsageError(f"rootfs: {show(argument)}: not a directory")
    raise UsageError(f"rootfs: {show(argument)}: no such directory or name", hint=meant(argument, HOST))


def meant(argument: str, *more: str) -> str:
    """Say which name was meant, or which there are."""
    from pyrun import near
    from pyrun.rootfs import recipes

    known = [*names(), *more]
    recipe = argument.rpartition("/")[2].partition(":")[0]  # of an image's name, as people paste it
    if recipe in recipes.KINDS and argument not in known:
        made = f"{recipe}-rootfs"
        return f"did you mean {made}?" if made in known else f"make one with pyrun rootfs build {recipe}"
    return near.hint(argument, known, f"known names: {', '.join(known)}" if known else "")


def names() -> list[str]:
    """List the names that `find` knows."""
    return sorted(places())


def places() -> dict[str, str]:
    """Give the path of each name that `find` knows."""
    found: dict[str, str] = {}
    for directory in _libraries():
        with suppress(FileNotFoundError), os.scandir(directory) as entries:
            for entry in entries:
                if entry.name[0] != "." and entry.is_dir():
                    found.setdefault(entry.name, entry.path)
    return found


def _checked(argument: str, directory: str) -> str:
    if directory == "/":
        raise UsageError(f"rootfs: {show(argument)}: is this host's own root", hint=f"say {HOST} if you mean that")
    for state in (paths.STATE, paths.RUN):
        inside = directory == state or (directory + "/").startswith(state + "/")
        if (inside and not directory.startswith(paths.ROOTFS + "/")) or state.startswith(directory + "/"):
            raise UsageError(f"rootfs: {show(argument)}: holds pyrun's own state")
    try:
        if not os.listdir(directory):
            raise UsageError(f"rootfs: {show(argument)}: the directory is empty")
    except OSError as cause:
        raise UsageError(f"rootfs: {show(argument)}: {(cause.strerror or '').lower()}") from cause
    return directory


def _libraries() -> list[str]:
    directory = os.path.dirname(os.path.abspath(__file__))
    while directory != "/":  # the package lies in the checkout, or in a virtual environment inside it
        directory = os.path.dirname(directory)
        if os.path.exists(f"{directory}/scripts/make-rootfs"):
            return [paths.ROOTFS, f"{directory}/rootfs"]
    return [paths.ROOTFS]
