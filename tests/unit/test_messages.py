"""The protocol of `pyrun.runtime.channel`: packets stay apart, carry descriptors, and are never lost at an end."""

import os

from pyrun.runtime import channel
from pyrun.runtime.channel import EXITED, FAILED, GONE, READY, RESIZE, SIGNAL, STARTED


def test_messages_stay_apart_and_in_order() -> None:
    left, right = channel.pair()
    sent = [(STARTED, b""), (SIGNAL, b"\x0f"), (RESIZE, bytes(8)), (EXITED, b"\x00"), (EXITED, b"\xff")]
    for kind, content in sent:
        assert left.send(kind, content)
    assert [right.receive()[:2] for _ in sent] == sent


def test_descriptor_travels_and_is_closed_on_exec() -> None:
    left, right = channel.pair()
    reader, writer = os.pipe()
    left.send(READY, b"", writer)
    kind, _, received = right.receive()
    os.close(writer)
    os.write(received, b"x")
    assert (kind, os.read(reader, 2), os.get_inheritable(received)) == (READY, b"x", False)


def test_message_without_descriptor_says_so() -> None:
    left, right = channel.pair()
    left.send(READY)
    assert right.receive() == (READY, b"", -1)


def test_failure_keeps_code_and_any_text() -> None:
    for code, text in ((127, "x: not found"), (125, ""), (126, os.fsdecode(b"/bin/\xff\xfe: \xc3\xa9"))):
        assert channel.read_failure(channel.failure(code, text)) == (code, text)


def test_empty_failure_is_ours() -> None:
    assert channel.read_failure(b"") == (125, "")


def test_end_is_a_message_any_number_of_times() -> None:
    left, right = channel.pair()
    left.close()
    assert [right.receive()[0] for _ in range(3)] == [GONE] * 3


def test_sending_to_nobody_is_told_not_raised() -> None:
    left, right = channel.pair()
    left.close()
    assert right.send(SIGNAL, b"\x0f") is False


def test_exit_code_survives_a_signal_that_came_too_late() -> None:
    """The kernel reports a reset first when one side ends with a message unread; what was sent is still there."""
    left, right = channel.pair()
    left.send(SIGNAL, b"\x0f")
    right.send(EXITED, b"\x07")
    right.close()
    assert left.receive() == (EXITED, b"\x07", -1)
    assert left.receive()[0] == GONE


def test_longest_failure_fits_a_packet() -> None:
    left, right = channel.pair()
    assert left.send(FAILED, channel.failure(125, "x" * 200000))
    kind, content, _ = right.receive()
    assert (kind, len(content)) == (FAILED, 65535)
