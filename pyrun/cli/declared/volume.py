"""Verbs about volumes."""

from pyrun.cli.declared import Verb, switch, value

_EXPLAIN = switch("Print every operation as a command while it happens", "--explain")
_FILTER = value("KEY=VALUE", "Only those that match", "--filter", multiple=True)
_TEMPLATE = value("FORMAT", "json, or a template: '{{.Mountpoint}}'", "--format", "-f")
_VOLUMES = "VOLUME [VOLUME]..."
VERBS = {
    verb.name: verb
    for verb in (
        Verb(
            "volume create",
            "Make a volume",
            (
                value("DRIVER", "local, the only one", "--driver", "-d", hidden=True),
                value("KEY=VALUE", "Label", "--label", multiple=True),
                value(
                    "KEY=VALUE", "What it lies on: type, device, o, as mount(8) has them", "--opt", "-o", multiple=True
                ),
                _EXPLAIN,
            ),
            "[VOLUME]",
            0,
            1,
        ),
        Verb(
            "volume ls",
            "List volumes",
            (
                switch("Only names", "--quiet", "-q"),
                _FILTER._replace(flags=("--filter", "-f")),
                value("FORMAT", "table, json, or a template", "--format"),
            ),
            "",
            0,
            0,
        ),
        Verb("volume inspect", "Print all that is known of volumes, as JSON", (_TEMPLATE,), _VOLUMES, 1, -1),
        Verb(
            "volume rm",
            "Remove volumes that no container uses",
            (switch("No error for one that does not exist", "--force", "-f"), _EXPLAIN),
            _VOLUMES,
            1,
            -1,
        ),
        Verb(
            "volume prune",
            "Remove the volumes that no container uses and that nobody named",
            (switch("Named ones too", "--all", "-a"), switch("Do not ask", "--force", "-f"), _FILTER, _EXPLAIN),
            "",
            0,
            0,
        ),
    )
}
