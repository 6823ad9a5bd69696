"""Single files of our own: operations that make and remove them, written as a whole.

What is in them is read by `pyrun.kernel.reading`; trees, and paths inside a foreign root, are in `pyrun.kernel.trees`.
"""

import errno
import os

from pyrun.contexts import contextmanager, suppress
from pyrun.errors import PyrunError
from pyrun.kernel import processes
from pyrun.typed import Iterator, NamedTuple


def quote(word: str) -> str:
    """Give *word* as one shell word, unquoted where that is the same."""
    if word and all(c.isalnum() or c in "@%+=:,./-_" for c in word) and word.isascii():
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"


class MakeSharedDirectory(NamedTuple):
    """A directory that others may use as well; *mark* is a file that says that we made it."""

    path: str
    mark: str

    def apply(self) -> None:
        with suppress(FileExistsError):
            os.mkdir(self.path, 0o755)
            os.close(os.open(self.mark, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def inverse(self) -> "RemoveSharedDirectory":
        return RemoveSharedDirectory(self.path, self.mark)

    def shell(self) -> str:
        return f"mkdir -p {quote(self.path)}"

    def why(self) -> str:
        return "where iproute2 looks for names"


class RemoveSharedDirectory(NamedTuple):
    """Remove a directory that we made, unless somebody still has something in it."""

    path: str
    mark: str

    def apply(self) -> None:
        if not os.path.lexists(self.mark):
            return
        try:
            os.rmdir(self.path)
        except OSError as cause:
            if cause.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY):
                return
            if cause.errno != errno.ENOENT:
                raise
        with suppress(FileNotFoundError):
            os.unlink(self.mark)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"rmdir --ignore-fail-on-non-empty {quote(self.path)}"

    def why(self) -> str:
        return "nobody uses it any more"


class WriteFile(NamedTuple):
    """A file of ours with exactly this content, replaced as a whole; it goes with its directory."""

    path: str
    content: str
    mode: int = 0o600
    reason: str = "a record of the container"
    durable: bool = False  # on the disk before anything else happens

    def apply(self) -> None:
        write_atomically(self.path, self.content.encode(errors="surrogateescape"), self.mode, self.durable)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        text = self.content
        for plain, escaped in (("\\", "\\\\"), ("%", "%%"), ("\n", "\\n"), ("\t", "\\t")):
            text = text.replace(plain, escaped)
        return f"printf {quote(text)} > {quote(self.path)}"

    def why(self) -> str:
        return self.reason


class RewriteFile(NamedTuple):
    """New content for a file that stays the same one: it is mounted elsewhere, where a new one would not be seen."""

    path: str
    content: str
    reason: str = "mounted in the container"

    def apply(self) -> None:
        fd = os.open(self.path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            content = self.content.encode(errors="surrogateescape")
            write_all(fd, content)  # over what is there: whoever reads meanwhile never finds it empty
            os.ftruncate(fd, len(content))
        finally:
            os.close(fd)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return WriteFile(self.path, self.content).shell()

    def why(self) -> str:
        return self.reason


class Link(NamedTuple):
    """A symbolic link of ours."""

    path: str
    target: str
    reason: str = "a name that leads there"

    def apply(self) -> None:
        os.symlink(self.target, self.path)

    def inverse(self) -> "Unlink":
        return Unlink(self.path, self.target)

    def shell(self) -> str:
        return f"ln -s {quote(self.target)} {quote(self.path)}"

    def why(self) -> str:
        return self.reason


class Unlink(NamedTuple):
    """Remove a symbolic link, provided that it still is the one we made."""

    path: str
    target: str

    def apply(self) -> None:
        with suppress(FileNotFoundError):
            if os.path.islink(self.path) and os.readlink(self.path) == self.target:
                os.unlink(self.path)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"rm -f {quote(self.path)}"

    def why(self) -> str:
        return "what it led to is gone"


def write_atomically(path: str, content: bytes, mode: int = 0o600, durable: bool = False, by: str = "") -> None:
    """Replace *path* by a file with *content*: readers see the old or the new one, never a part.

    With *durable* it is on the disk before this returns. Until then it is called
    after us in the directory *by*, else in its own. Errors: OSError.
    """
    directory, _, name = path.rpartition("/")
    temporary = f"{by or directory}/.{name}.{processes.signature()}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        write_all(fd, content)
        os.fchmod(fd, mode)
        if durable:
            os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(temporary, path)


def remove_unfinished(directory: str) -> None:
    """Remove what those who were killed in `write_atomically` left in a directory."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:  # its owner has just removed it
        return
    for name in names:
        signature = name.rpartition(".")[2]
        if signature.replace("-", "", 1).isdigit() and not processes.is_signed_by_living(signature):
            with suppress(FileNotFoundError):
                os.unlink(f"{directory}/{name}")


def write_new(path: str, content: bytes, durable: bool = False) -> None:
    """Make the file *path* with *content*, visible only as a whole. Errors: OSError; EEXIST it is there already."""
    fd = os.open(path.rpartition("/")[0], os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, 0o600)
    try:
        write_all(fd, content)
        if durable:
            os.fsync(fd)
        os.link(f"/proc/self/fd/{fd}", path, src_dir_fd=fd)  # with a descriptor it is linkat(2), which follows
    finally:
        os.close(fd)


@contextmanager
def replacing(path: str) -> "Iterator[int]":
    """Give a descriptor to write to; what was written takes the place of the file *path* when all went well.

    Where the file system allows it, nothing is left of what was killed on the way. Errors: OSError.
    """
    directory, name = os.path.split(os.path.abspath(path))
    temporary = f"{directory}/.{name[:200]}.{processes.signature()}"
    try:
        fd = os.open(directory, os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, 0o600)
        named = False
    except OSError:  # this file system has none without a name
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        named = True
    try:
        yield fd
        if not named:
            os.link(f"/proc/self/fd/{fd}", temporary, src_dir_fd=fd)  # with a descriptor it is linkat(2), which follows
            named = True
        os.rename(temporary, path)
    except BaseException:
        if named:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
        raise
    finally:
        os.close(fd)


def write_all(fd: int, content: bytes) -> None:
    """Write all of *content*, however the kernel portions it. Errors: OSError."""
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


def write_output(fd: int, content: bytes) -> None:
    """Write to the caller's standard output (1) or error (2).

    Errors: BrokenPipeError when nobody reads it any more, PyrunError (exit code 1) when it cannot be written.
    """
    try:
        write_all(fd, content)
    except BrokenPipeError:
        raise
    except OSError as cause:
        name = "error" if fd == 2 else "output"
        raise PyrunError(f"write: standard {name}: {os.strerror(cause.errno or 0).lower()}", 1) from cause
