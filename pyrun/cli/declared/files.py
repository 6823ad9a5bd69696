"""Verbs about a container's files: in, out, and what has changed."""

from pyrun.cli.declared import Verb, switch, value

_ARCHIVE = switch("Archive mode: copy all uid/gid information", "--archive", "-a")
_FOLLOW = switch("Always follow the symbolic link that SRC is", "--follow-link", "-L")
_QUIET = switch("No progress while it copies", "--quiet", "-q")
_OUTPUT = value("FILE", "Write to a file, instead of standard output", "--output", "-o")

VERBS = {
    verb.name: verb
    for verb in (
        Verb(
            "cp",
            "Copy files between a container and this host; - is a tar stream",
            (_ARCHIVE, _FOLLOW, _QUIET),
            "CONTAINER:SRC DEST|- or SRC|- CONTAINER:DEST",
            2,
            2,
        ),
        Verb("diff", "Show what a container has changed in its root file system", (), "CONTAINER", 1, 1),
        Verb("export", "Write a container's root file system as a tar archive", (_OUTPUT,), "CONTAINER", 1, 1),
    )
}
