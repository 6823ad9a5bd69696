"""Verbs about root file systems."""

from pyrun.cli.declared import Verb, switch, value

_NAMES = "NAME [NAME]..."
_LIMIT = value("SIZE", "Refuse more than this, by default 32g", "--max-size")
_TEMPLATE = value("FORMAT", "json, or a template: '{{.Path}}'", "--format", "-f")
_ROOTFS_VERBS = (
    Verb(
        "rootfs ls",
        "List root file systems",
        (switch("Only names", "--quiet", "-q"), value("FORMAT", "table, json, or a template", "--format")),
        "",
        0,
        0,
    ),
    Verb(
        "rootfs import",
        "Make a root file system of an archive, - for standard input, or a directory",
        (_LIMIT,),
        "SOURCE|- [NAME]",
        1,
        2,
    ),
    Verb(
        "rootfs build",
        "Make a root file system: ubuntu, debian or busybox",
        (
            value("SUITE", "Debian suite, as in bookworm, or Ubuntu release, as in 24.04", "--suite"),
            value("PACKAGE", "Package of Debian's to include", "--include", multiple=True),
            _LIMIT,
        ),
        "ubuntu|debian|busybox [NAME]",
        1,
        2,
    ),
    Verb("rootfs inspect", "Print all that is known of root file systems, as JSON", (_TEMPLATE,), _NAMES, 1, -1),
    Verb("rootfs rm", "Remove root file systems that no container has", (), _NAMES, 1, -1),
)
VERBS = {verb.name: verb for verb in _ROOTFS_VERBS}
