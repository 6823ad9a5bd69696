"""A shell on a terminal, into which lines are typed up to a TAB, to see what it makes of them."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

from lab import Host

_BEGUN = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
# A prompt that is told from what is typed; in zsh the completion system has to be switched on.
_SETUP = {
    "bash": "PS1='> '; bind 'set bell-style none'; bind 'set enable-bracketed-paste off'",
    "zsh": "PS1='> '; autoload -Uz compinit && compinit -u -D; unsetopt beep; zle_bracketed_paste=()",
    "fish": "function fish_prompt; echo -n '> '; end; set -g fish_autosuggestion_enabled 0; set -g fish_greeting",
}
_SOURCE = {
    "bash": "source <(pyrun completion bash)",
    "zsh": "source <(pyrun completion zsh)",
    "fish": "pyrun completion fish | source",
}
_HOME = "\x01"  # ctrl-a: to the beginning of the line


class Shell:
    """A shell of a host, with pyrun's completion."""

    def __init__(self, host: Host, name: str, path: str) -> None:
        """*path* is a directory that has pyrun."""
        self.terminal, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 300, 0, 0))
        environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}", "TERM": "vt100", "HOME": path}
        command = ["env", "-u", "PYTHONDONTWRITEBYTECODE", "setsid", "-wc", *_BEGUN[name]]
        self.process: subprocess.Popen[bytes] = host.start(
            command, stdin=inner, stdout=inner, stderr=inner, env=environment
        )
        os.close(inner)
        self.seen = ""
        self.count = 0
        self.run(_SETUP[name])
        self.run(_SOURCE[name])

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)

    def run(self, line: str) -> None:
        """Run a line that prints nothing of interest."""
        self._type(f"{line}\r")
        self._told("")

    def completed(self, line: str) -> str:
        """Type *line* and a TAB; give the line as it is then, up to where the cursor is."""
        self._type(f"{line}\t_")
        return self._told(_HOME).removesuffix("_")

    def _told(self, key: str) -> str:
        """Let echo print the line that is typed; what is waited for is not in what the terminal shows of it."""
        self.count += 1
        self._type(f"{key}echo st''art{self.count} \r")
        self._until(f"start{self.count}")
        return self._until("\r\n").strip(" ").replace("\r", "")

    def _type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def _until(self, mark: str) -> str:
        deadline = time.monotonic() + 30
        while mark not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0, self.seen
            if select.select([self.terminal], [], [], left)[0]:
                self.seen += os.read(self.terminal, 65536).decode(errors="replace")
        before, _, self.seen = self.seen.partition(mark)
        return before
