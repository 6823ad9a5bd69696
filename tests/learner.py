"""A learner: somebody who types into the shell of a lab, on a terminal."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from typing import Any

from lab import PYRUN, Host

_PATIENCE = 60.0  # seconds, for what takes a moment


class Learner:
    """A terminal with the lab's shell."""

    def __init__(self, host: Host, *arguments: str) -> None:
        """*arguments* are those of the verb that opens the shell."""
        self.terminal, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 300, 0, 0))
        command = ["env", "TERM=vt100", "setsid", "-wc", *PYRUN, "lab", *(arguments or ("shell",))]
        self.process: subprocess.Popen[bytes] = host.start(command, stdin=inner, stdout=inner, stderr=inner)
        os.close(inner)
        self.host, self.seen, self.count = host, "", 0
        self.greeting = self.until(r"lab [a-z]+[^\n]*# ")

    def close(self) -> None:
        """Hang up."""
        os.close(self.terminal)
        self.process.wait(_PATIENCE)

    def types(self, line: str) -> str:
        """Type a line; give what the terminal shows until it is done."""
        self.count += 1
        self.send(f"{line}; echo do''ne{self.count}=$?=\r")
        shown = self.until(rf"done{self.count}=\d+=\r\n")
        return shown.partition("\n")[2]

    def send(self, text: str) -> None:
        """Press keys."""
        os.write(self.terminal, text.encode())

    def until(self, pattern: str) -> str:
        """Wait until the terminal shows something; give what stood before, and it."""
        deadline = time.monotonic() + _PATIENCE
        while not (found := re.search(pattern, self.seen)):
            left = deadline - time.monotonic()
            assert left > 0, self.seen
            if select.select([self.terminal], [], [], left)[0]:
                try:
                    self.seen += os.read(self.terminal, 65536).decode(errors="replace")
                except OSError:  # everybody has hung up
                    raise AssertionError(self.seen) from None
        before, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return before

    def gone(self) -> str:
        """Wait until whoever opened the shell has ended; give the last words."""
        self.process.wait(_PATIENCE)
        while select.select([self.terminal], [], [], 0)[0]:
            try:
                self.seen += os.read(self.terminal, 65536).decode(errors="replace")
            except OSError:
                break
        return self.seen


def graded(host: Host) -> dict[str, Any]:
    """Give the grade, as asked from another terminal."""
    done = host.pyrun("lab", "check", "--format", "json")
    assert done.stderr == b"", done
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if found["Done"] else 1)
    return found


def stage(host: Host, name: str) -> dict[str, Any]:
    """Give what is told of a stage."""
    return next(each for each in graded(host)["Stages"] if each["Name"] == name)
