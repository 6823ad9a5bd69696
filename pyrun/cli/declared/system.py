"""Verbs about pyrun itself and this host."""

from pyrun.cli.declared import Verb, value

_FORMAT = value("FORMAT", "json, or a template: '{{.Client.Version}}'", "--format", "-f")
VERBS = {verb.name: verb for verb in (Verb("version", "Print the version", (_FORMAT,), "", 0, 0),)}
