"""Verbs about pyrun itself and this host."""

from pyrun.cli.declared import Verb

VERBS = {verb.name: verb for verb in (Verb("version", "Print the version", (), "", 0, 0),)}
