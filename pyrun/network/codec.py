"""DNS messages, read and written by dnspython; nothing else imports it.

Its import takes longer than a thousand answers, so whoever answers imports this
module when there is something to read. See RFC 1035, 2308 and 6891.
"""

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from pyrun.typed import Any, NamedTuple

A, AAAA, PTR = 1, 28, 12
SERVFAIL, REFUSED = 2, 5
_TTL = 600  # seconds, as Docker's
_SIZE = 512  # of an answer in a datagram, unless the question allows more
_PAYLOAD = 1232  # bytes that we take ourselves
_HEADER = 12
_LONGEST = 3600  # seconds that somebody else's answer is kept at most
_RECORD_SIZES = {A: 16, AAAA: 28}  # with a compressed name


class Question(NamedTuple):
    """A question that has been read."""

    name: str  # in lower case, without a dot at its end; empty where it cannot be a name of ours
    kind: int
    is_internet: bool
    size: int  # bytes that an answer in a datagram may have
    message: Any


def read(wire: bytes) -> "Question | bytes":
    """Read a question, or give the answer to what is none: malformed, or not a query."""
    if wire[2] >> 3 & 15 != dns.opcode.QUERY:
        return refusal(wire, dns.rcode.NOTIMP)
    try:
        message = dns.message.from_wire(wire)
    except Exception:  # what is not documented is as malformed as what is
        return refusal(wire, dns.rcode.FORMERR)
    if len(message.question) != 1:
        return refusal(wire, dns.rcode.FORMERR)
    asked = message.question[0]
    internet = asked.rdclass == dns.rdataclass.IN
    question = Question(_text(asked.name), int(asked.rdtype), internet, max(message.payload, _SIZE), message)
    return failure(question, dns.rcode.BADVERS) if message.edns > 0 else question


def end_of_question(wire: bytes) -> int:
    """Give where the question ends in a message that has been read: what an answer repeats is before that."""
    at = _HEADER
    while wire[at]:
        at += wire[at] + 1
    return at + 5


def answer(question: Question, values: list[str], reliable: bool) -> bytes:
    """Write the answer with addresses or, to a PTR question, a name; without *values* it says that there is none.

    What does not fit into a datagram is left out, and the answer says so.
    """
    kept = values
    if not reliable and question.kind in _RECORD_SIZES:
        room = question.size - len(_answer(question, []))
        kept = values[: max(0, room // _RECORD_SIZES[question.kind])]
    return _answer(question, kept, len(kept) < len(values))


def refusal(wire: bytes, code: int) -> bytes:
    """Write an answer that only has a code, to a question that may be malformed."""
    flags = 0x8000 | (wire[2] << 8 & 0x7900) | 0x80 | code
    return wire[:2] + flags.to_bytes(2, "big") + bytes(8)


def failure(question: Question, code: int) -> bytes:
    """Write the answer that there is none, *code* saying why."""
    reply = _reply(question)
    reply.set_rcode(dns.rcode.Rcode(code))
    return _wire(reply)


def truncated(question: Question) -> bytes:
    """Write the answer that the whole one does not fit, so that it is asked for by TCP."""
    return _answer(question, [], True)


def lifetime(wire: bytes) -> int:
    """Give the seconds that somebody else's answer may be kept; 0 for not at all."""
    try:
        message = dns.message.from_wire(wire, ignore_trailing=True)
    except Exception:
        return 0
    if message.flags & dns.flags.TC or message.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return 0
    if message.answer:
        return min(_LONGEST, *(int(rrset.ttl) for rrset in (*message.answer, *message.authority)))
    ends = [rrset for rrset in message.authority if rrset.rdtype == dns.rdatatype.SOA]
    return min(_LONGEST, int(ends[0].ttl), int(ends[0][0].minimum)) if ends else 0


def aged(wire: bytes, seconds: int) -> bytes:
    """Give an answer as it is after so many *seconds*: each record has that much less to live."""
    message = dns.message.from_wire(wire, ignore_trailing=True)
    for section in (message.answer, message.authority, message.additional):
        for rrset in section:
            rrset.ttl = max(0, rrset.ttl - seconds)
    return _wire(message)


def _answer(question: Question, values: list[str], cut: bool = False) -> bytes:
    reply = _reply(question)
    if values:
        asked = question.message.question[0]
        kind = dns.rdatatype.RdataType(question.kind)
        texts = [value if question.kind != PTR else f"{value}." for value in values]
        records = [dns.rdata.from_text(dns.rdataclass.IN, kind, text) for text in texts]
        rrset = dns.rrset.RRset(asked.name, dns.rdataclass.IN, kind)
        for record in records:
            rrset.add(record, _TTL)
        reply.answer.append(rrset)
    if cut:
        reply.flags |= dns.flags.TC
    return _wire(reply)


def _reply(question: Question) -> Any:
    return dns.message.make_response(question.message, recursion_available=True, our_payload=_PAYLOAD)


def _wire(message: Any) -> bytes:
    return bytes(message.to_wire(max_size=65535, want_shuffle=False))


def _text(name: Any) -> str:
    """Give a name as text if it can be one of ours: a dot within a label would look like one between two."""
    labels = name.labels[:-1]
    if any(b"." in label for label in labels):
        return ""
    return bytes(b".".join(labels)).decode("ascii", "replace").lower()
