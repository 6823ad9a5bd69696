"""A program under a relay with a console in front of it, as `run` connects them, without any container.

python attached.py FLAGS LOG PROGRAM [ARG…]      FLAGS: letters of i, t, p (proxy signals), or -
"""

import os
import signal
import sys

from pyrun.errors import PyrunError
from pyrun.kernel import terminal
from pyrun.runtime import channel, console
from pyrun.runtime.channel import EXITED, Channel
from pyrun.runtime.logwriter import LogWriter
from pyrun.runtime.relay import Relay

Three = tuple[int, int, int]


def pipes(stdin: bool, stderr: bool) -> tuple[Three, Three]:
    """Make stdio pipes: the ends of who is served, and the ends of who serves."""
    stdin_r, stdin_w = os.pipe2(os.O_CLOEXEC) if stdin else (-1, -1)
    stdout_r, stdout_w = os.pipe2(os.O_CLOEXEC)
    stderr_r, stderr_w = os.pipe2(os.O_CLOEXEC) if stderr else (-1, -1)
    return (stdin_r, stdout_w, stderr_w), (stdin_w, stdout_r, stderr_r)


def spawn(args: list[str], stdio: Three) -> int:
    """Start the program; -1 is /dev/null. A terminal becomes its controlling one."""
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        if stdio[0] == stdio[1]:
            terminal.make_controlling(stdio[0])
        for number, fd in enumerate(stdio):
            os.dup2(fd if fd >= 0 else null, number)
        os.execvp(args[0], args)
    os.close(null)
    return pid


def serve(client: Channel, stdio: Three, tty: bool, log: str, args: list[str]) -> None:
    """Be the monitor: start the program, relay until it ends, tell its exit code."""
    os.setsid()
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    master = -1
    if tty:
        master, peer = terminal.open_pty("/")
        inner: Three = (peer, peer, peer)
        outer: Three = (os.dup(master) if stdio[0] >= 0 else -1, master, -1)
    else:
        inner, outer = pipes(stdio[0] >= 0, True)
    pid = spawn(args, inner)
    with open(f"{log}.pid", "w") as file:  # for the test, which ends what outlives its client
        file.write(str(pid))
    for fd in {fd for fd in inner if fd >= 0}:
        os.close(fd)
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    relay = Relay(outer, master, os.pidfd_open(pid), LogWriter(log))
    relay.attach(client, stdio)
    relay.run(None)
    relay.detach_output()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    for client in relay.clients:
        client.channel.send(EXITED, bytes([code if code >= 0 else 128 - code]))
    os._exit(0)


def main() -> int:
    """Be the client."""
    flags, log, *args = sys.argv[1:]
    tty = "t" in flags
    ours, theirs = channel.pair()
    inner, outer = pipes("i" in flags, not tty)
    console.check_terminal(tty, "i" in flags)
    attached = console.Console(ours, tty, b"\x10\x11", "p" in flags)
    former = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    if os.fork() == 0:
        ours.close()
        for fd in outer:
            if fd >= 0:
                os.close(fd)
        serve(theirs, inner, tty, log, args)
    theirs.close()
    for fd in inner:
        if fd >= 0:
            os.close(fd)
    signal.pthread_sigmask(signal.SIG_SETMASK, former)
    return attached.run(console.Ends(*outer))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except PyrunError as problem:
        os.write(2, f"{problem}\n".encode())
        sys.exit(problem.code)
