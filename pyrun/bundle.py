"""All modules of pyrun, compiled, in one file: most of an import's time goes into looking for it in directories.

Importing this puts the file to use where there is one; `make` writes it, as scripts/quickstart does after installing,
and scripts/test.
A module whose source is not as it was then is imported as ever: so does Python with what it has compiled itself.
"""

import marshal
import posix  # os is imported later, by those who need it
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER

MYPY = False  # mypy takes it to be true
if MYPY:
    from collections.abc import Iterator
    from types import ModuleType

    from pyrun.typed import Any

_TOP = __file__.rpartition("/")[0].rpartition("/")[0]
_PATH = f"{_TOP}/pyrun/__pycache__/modules.{sys.implementation.cache_tag}"
_HEAD = len(MAGIC_NUMBER) + 4  # what compiled it, and the length of the index, which is followed by the code

# Of a module: where its code is, and how long; when its source was last changed, in nanoseconds, and how long that is;
# whether it is a package.
Entry = tuple[int, int, int, int, bool]


class _Finder:
    """Finds and loads modules as importlib.abc has it."""

    def __init__(self, index: "dict[str, Entry]", base: int, bundle: "tuple[int, ...]") -> None:
        self._index, self._base, self._bundle = index, base, bundle

    def find_spec(self, name: str, path: "Any" = None, target: "Any" = None) -> "ModuleSpec | None":
        """Give a module that is as it was, with its code; else None, for those who look in directories."""
        entry = self._index.get(name)
        if entry is None:
            return None
        at, length, changed, size, package = entry
        source = _source(name, package)
        try:
            now = posix.stat(source)
            fd = posix.open(_PATH, posix.O_RDONLY | posix.O_CLOEXEC)  # not kept open: no container is to inherit it
            try:
                code = posix.pread(fd, length, self._base + at) if _identity(fd) == self._bundle else b""
            finally:
                posix.close(fd)
        except OSError:
            return None
        found = _unmarshalled(code)
        if (now.st_mtime_ns, now.st_size, len(code)) != (changed, size, length) or found is None:
            return None
        loader: Any = self
        spec = ModuleSpec(name, loader, origin=source, loader_state=found, is_package=package)
        spec.has_location, spec.cached = True, _PATH
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(source.rpartition("/")[0])
        return spec

    def create_module(self, spec: "ModuleSpec") -> None:
        """Have the interpreter make it."""

    def exec_module(self, module: "ModuleType") -> None:
        """Run a module's code."""
        spec: Any = module.__spec__
        code, spec.loader_state = spec.loader_state, None
        exec(code, module.__dict__)


def _source(name: str, package: bool) -> str:
    return f"{_TOP}/{name.replace('.', '/')}{'/__init__' if package else ''}.py"


def _unmarshalled(content: bytes) -> "Any":
    """Give what was marshalled; None for what a disk has damaged."""
    try:
        return marshal.loads(content)
    except (ValueError, EOFError, TypeError):
        return None


def _identity(fd: int) -> "tuple[int, ...]":
    """Tell this bundle from one that has taken its place."""
    status = posix.fstat(fd)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _used() -> "_Finder | None":
    """Give the finder; None where there is no bundle, a part of one, or one for another interpreter."""
    try:
        fd = posix.open(_PATH, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return None
    try:
        head = posix.read(fd, _HEAD)
        length = int.from_bytes(head[-4:], "little")
        index = posix.read(fd, length)
        if head[:-4] != MAGIC_NUMBER:
            return None
        entries = _unmarshalled(index)
        return _Finder(entries, _HEAD + length, _identity(fd)) if entries else None
    finally:
        posix.close(fd)


def make() -> None:
    """Write the bundle of the modules beside this one, in place of a former one. Errors: OSError, SyntaxError."""
    from pyrun.contexts import suppress

    code, entries = b"", dict[str, Entry]()
    for name, package in _modules():
        source = _source(name, package)
        with open(source, "rb") as file:
            status, text = posix.fstat(file.fileno()), file.read()
        compiled = marshal.dumps(compile(text, source, "exec", dont_inherit=True))
        entries[name] = len(code), len(compiled), status.st_mtime_ns, status.st_size, package
        code += compiled
    with suppress(FileExistsError):
        posix.mkdir(_PATH.rpartition("/")[0])
    index = marshal.dumps(entries)
    new = f"{_PATH}.{posix.getpid()}"
    with open(new, "wb") as file:
        file.write(MAGIC_NUMBER + len(index).to_bytes(4, "little") + index + code)
        file.flush()
        posix.fsync(file.fileno())
    posix.rename(new, _PATH)


def _modules() -> "Iterator[tuple[str, bool]]":
    """List all modules that can be imported, and whether each is a package."""
    import os

    for directory, below, names in os.walk(f"{_TOP}/pyrun"):
        if "__init__.py" not in names:
            below.clear()
            continue
        package = directory[len(_TOP) + 1 :].replace("/", ".")
        yield package, True
        yield from ((f"{package}.{name[:-3]}", False) for name in names if name[-3:] == ".py" and name != "__init__.py")


_finder = _used()
if _finder:
    sys.meta_path.insert(0, _finder)
