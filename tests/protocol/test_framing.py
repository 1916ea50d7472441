"""
WebSocket framing: the cases that Autobahn's suite tries, as a table, and any bytes cut anywhere.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.protocol import framing
from notifier.protocol.framing import (
    BINARY,
    CLOSE,
    CONTINUATION,
    NO_CODE,
    PING,
    PONG,
    TEXT,
    Close,
    Data,
    Event,
    FrameReader,
    Ping,
    Pong,
    accept_key,
    close_bytes,
    frame_bytes,
)

MAX_BYTES = 100_000
MASK = b"\x12\x34\x56\x78"
FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10


def client(
    opcode: int, payload: bytes = b"", *, first: int = FIN, mask: bytes | None = MASK
) -> bytes:
    """
    One frame of a client; `first` holds FIN and the reserved bits.
    """
    size, bit = len(payload), 0 if mask is None else 0x80
    if size <= 125:
        head = bytes((first | opcode, bit | size))
    elif size <= 0xFFFF:
        head = bytes((first | opcode, bit | 126)) + size.to_bytes(2)
    else:
        head = bytes((first | opcode, bit | 127)) + size.to_bytes(8)
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def close(code: int, reason: bytes = b"") -> bytes:
    return client(CLOSE, code.to_bytes(2) + reason)


def read(*pieces: bytes) -> list[Event]:
    reader = FrameReader(MAX_BYTES)
    return [event for piece in pieces for event in reader.receive(piece)]


def error(code: int) -> tuple[int, bool]:
    return code, True


def outcome(events: list[Event]) -> list[object]:
    """
    Events with the texts of mistakes left out.
    """
    return [
        error(event.code) if isinstance(event, Close) and event.is_error else event
        for event in events
    ]


KAPPA = "κόσμε".encode()
SURROGATE = b"\xed\xa0\x80"
TOO_FAR = b"\xf4\x90\x80\x80"
CASES: dict[str, tuple[list[bytes], list[object]]] = {
    # 1: framing, by size
    **{
        f"1.1 text of {size}": ([client(TEXT, b"*" * size)], [Data("*" * size)])
        for size in (0, 1, 125, 126, 127, 128, 65_535, 65_536, MAX_BYTES)
    },
    **{
        f"1.2 binary of {size}": ([client(BINARY, b"\xfe" * size)], [Data(b"\xfe" * size)])
        for size in (0, 1, 125, 126, 127, 128, 65_535, 65_536, MAX_BYTES)
    },
    "1.3 one byte over the bound": ([client(TEXT, b"*" * (MAX_BYTES + 1))], [error(1009)]),
    "1.3 over the bound in pieces": (
        [
            client(TEXT, b"*" * MAX_BYTES, first=0),
            client(CONTINUATION, b"*"),
        ],
        [error(1009)],
    ),
    "1.3 over the bound by its head": ([b"\x81\xff" + (1 << 40).to_bytes(8)], [error(1009)]),
    "1.4 a length not in its shortest form": ([b"\x81\xfe\x00\x7d" + MASK], [error(1002)]),
    "1.4 a long length not in its shortest form": (
        [b"\x81\xff" + (65_535).to_bytes(8) + MASK],
        [error(1002)],
    ),
    "1.4 a length with its highest bit": ([b"\x81\xff" + b"\xff" * 8 + MASK], [error(1002)]),
    "1.5 no mask": ([client(TEXT, b"hi", mask=None)], [error(1002)]),
    "1.5 a mask of zeros": ([client(TEXT, b"hi", mask=b"\0\0\0\0")], [Data("hi")]),
    # 2: pings and pongs
    "2.1 ping, empty": ([client(PING)], [Ping(b"")]),
    "2.2 ping with text": ([client(PING, b"hi")], [Ping(b"hi")]),
    "2.3 ping with bytes": ([client(PING, b"\x00\xff\xfe")], [Ping(b"\x00\xff\xfe")]),
    "2.4 ping of 125": ([client(PING, b"\xfe" * 125)], [Ping(b"\xfe" * 125)]),
    "2.5 ping of 126": ([client(PING, b"\xfe" * 126)], [error(1002)]),
    "2.7 pong, unasked": ([client(PONG)], [Pong()]),
    "2.8 pong, unasked, with text": (
        [client(PONG, b"hi"), client(PING, b"x")],
        [Pong(), Ping(b"x")],
    ),
    "2.10 ten pings": (
        [b"".join(client(PING, bytes([n])) for n in range(10))],
        [Ping(bytes([n])) for n in range(10)],
    ),
    # 3: reserved bits
    **{
        f"3.{bits >> 4} reserved bits {bits:02x} on {opcode}": (
            [client(opcode, b"x", first=FIN | bits)],
            [error(1002)],
        )
        for bits in (RSV1, RSV2, RSV3, RSV1 | RSV2, RSV1 | RSV3, RSV2 | RSV3, RSV1 | RSV2 | RSV3)
        for opcode in (TEXT, BINARY, PING, CLOSE)
    },
    "3.8 after a good message": (
        [client(TEXT, b"hi"), client(TEXT, b"x", first=FIN | RSV1)],
        [Data("hi"), error(1002)],
    ),
    # 4: reserved opcodes
    **{
        f"4.{opcode} opcode {opcode}": ([client(opcode, b"x")], [error(1002)])
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    },
    # 5: fragments
    "5.1 ping in two": ([client(PING, b"a", first=0)], [error(1002)]),
    "5.2 pong in two": ([client(PONG, b"a", first=0)], [error(1002)]),
    "5.2 close in two": ([client(CLOSE, b"\x03\xe8", first=0)], [error(1002)]),
    "5.3 text in two": (
        [client(TEXT, b"a", first=0), client(CONTINUATION, b"b")],
        [Data("ab")],
    ),
    "5.6 ping between": (
        [client(TEXT, b"a", first=0), client(PING, b"p"), client(CONTINUATION, b"b")],
        [Ping(b"p"), Data("ab")],
    ),
    "5.7 binary in five": (
        [
            client(BINARY, b"1", first=0),
            *(client(CONTINUATION, b"2", first=0) for _ in range(3)),
            client(CONTINUATION, b"3"),
        ],
        [Data(b"12223")],
    ),
    "5.8 empty fragments": (
        [client(TEXT, first=0), client(CONTINUATION, first=0), client(CONTINUATION)],
        [Data("")],
    ),
    "5.8 a great many empty fragments": (
        [
            client(BINARY, first=0),
            client(CONTINUATION, first=0) * 5_000,
            client(CONTINUATION, b"x"),
        ],
        [Data(b"x")],
    ),
    "5.9 continuation of nothing": ([client(CONTINUATION, b"x")], [error(1002)]),
    "5.10 continuation of nothing, unfinished": (
        [client(CONTINUATION, b"x", first=0)],
        [error(1002)],
    ),
    "5.15 continuation after the end": (
        [client(TEXT, b"a", first=0), client(CONTINUATION, b"b"), client(CONTINUATION, b"c")],
        [Data("ab"), error(1002)],
    ),
    "5.18 text within text": (
        [client(TEXT, b"a", first=0), client(TEXT, b"b")],
        [error(1002)],
    ),
    "5.19 five fragments with pings between": (
        [
            client(TEXT, b"1", first=0),
            client(PING, b"p1"),
            client(CONTINUATION, b"2", first=0),
            client(PING, b"p2"),
            client(CONTINUATION, b"3"),
        ],
        [Ping(b"p1"), Ping(b"p2"), Data("123")],
    ),
    # 6: UTF-8
    "6.1 empty": ([client(TEXT)], [Data("")]),
    "6.2 good": ([client(TEXT, KAPPA)], [Data("κόσμε")]),
    "6.2 good, cut within a character": (
        [client(TEXT, KAPPA[:3], first=0), client(CONTINUATION, KAPPA[3:])],
        [Data("κόσμε")],
    ),
    "6.2 good, a byte a frame": (
        [
            client(TEXT, KAPPA[:1], first=0),
            *(client(CONTINUATION, KAPPA[n : n + 1], first=0) for n in range(1, len(KAPPA))),
            client(CONTINUATION),
        ],
        [Data("κόσμε")],
    ),
    **{
        f"6.3 bad: {payload.hex()}": ([client(TEXT, payload)], [error(1007)])
        for payload in (
            b"\xff",
            b"\x80",
            b"\xc0\xaf",
            b"\xe0\x80\xaf",
            SURROGATE,
            b"\xed\xbf\xbf",
            TOO_FAR,
            b"\xf8\x88\x80\x80\x80",
            b"\xfe",
            KAPPA + SURROGATE + b"edited",
        )
    },
    "6.4 fails before its message is whole": (
        [client(TEXT, KAPPA + TOO_FAR, first=0)],
        [error(1007)],
    ),
    "6.4 fails before its frame is whole": (
        [client(TEXT, TOO_FAR + b"*" * 200)[: 2 + 2 + 4 + 4]],
        [error(1007)],
    ),
    "6.6 ends within a character": ([client(TEXT, KAPPA[:-1])], [error(1007)]),
    "6.6 unfinished message may end within a character": ([client(TEXT, KAPPA[:-1], first=0)], []),
    "6.7 a zero character": ([client(TEXT, b"\0")], [Data("\0")]),
    "6.22 noncharacters are characters": ([client(TEXT, b"\xef\xbf\xbf")], [Data("\uffff")]),
    "6.23 binary is not looked at": ([client(BINARY, TOO_FAR)], [Data(TOO_FAR)]),
    # 7: closing
    "7.1 text after the close": ([close(1000) + client(TEXT, b"x")], [Close(1000)]),
    "7.1 ping after the close": ([close(1000) + client(PING)], [Close(1000)]),
    "7.1 close after the close": ([close(1000), close(1001)], [Close(1000)]),
    "7.1 close within a message": (
        [client(TEXT, b"a", first=0), close(1000), client(CONTINUATION, b"b")],
        [Close(1000)],
    ),
    "7.3 empty": ([client(CLOSE)], [Close(NO_CODE)]),
    "7.3 one byte": ([client(CLOSE, b"\x03")], [error(1002)]),
    "7.3 code and reason": ([close(1000, b"bye")], [Close(1000, "bye")]),
    "7.3 reason of 123": ([close(1000, b"*" * 123)], [Close(1000, "*" * 123)]),
    "7.3 reason of 124": ([close(1000, b"*" * 124)], [error(1002)]),
    "7.5 reason not in UTF-8": ([close(1000, SURROGATE)], [error(1007)]),
    **{
        f"7.7 code {code}": ([close(code)], [Close(code)])
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014)
    },
    **{f"7.7 code {code}": ([close(code)], [Close(code)]) for code in (3000, 3999, 4000, 4999)},
    **{
        f"7.9 code {code}": ([close(code)], [error(1002)])
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535)
    },
    # 9: many, and large
    "9 a thousand in one piece": (
        [client(TEXT, b"x") * 1_000],
        [Data("x")] * 1_000,
    ),
    "9 many small fragments": (
        [
            client(BINARY, b"\0", first=0)
            + client(CONTINUATION, b"\0" * 64, first=0) * 1_000
            + client(CONTINUATION)
        ],
        [Data(b"\0" * 64_001)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_reader_says_what_the_frames_mean(name: str) -> None:
    """
    Each case has its outcome, whether the bytes come as frames or as one piece.
    """
    pieces, expected = CASES[name]
    assert outcome(read(*pieces)) == expected
    assert outcome(read(b"".join(pieces))) == expected


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith(("1.", "9"))])
def test_outcome_is_the_same_when_bytes_come_singly(name: str) -> None:
    """
    Where the network cuts the bytes changes nothing.
    """
    pieces, expected = CASES[name]
    data = b"".join(pieces)
    assert outcome(read(*(data[n : n + 1] for n in range(len(data))))) == expected


def test_message_in_too_many_pieces_is_too_big(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What is kept of a message is bounded by its pieces, too.
    """
    monkeypatch.setattr(framing, "MAX_PARTS", 10)
    pieces = [client(BINARY, b"1", first=0), client(CONTINUATION, b"2", first=0) * 10]
    assert outcome(read(*pieces)) == [error(1009)]


messages = st.one_of(st.text(max_size=300), st.binary(max_size=300))


@given(
    st.lists(st.tuples(messages, st.lists(st.integers(0, 300), max_size=3)), max_size=6),
    st.lists(st.integers(1, 400), max_size=12),
    st.binary(min_size=4, max_size=4),
)
def test_messages_arrive_whole_when_cut_anywhere(
    sent: list[tuple[str | bytes, list[int]]], cuts: list[int], mask: bytes
) -> None:
    """
    Messages in any fragments, over a network that cuts anywhere, arrive as they were sent.
    """
    data = b""
    for message, splits in sent:
        payload = message.encode() if isinstance(message, str) else message
        at = sorted({min(split, len(payload)) for split in splits})
        pieces = [payload[a:b] for a, b in zip([0, *at], [*at, len(payload)], strict=True)]
        for number, piece in enumerate(pieces):
            opcode = CONTINUATION if number else TEXT if isinstance(message, str) else BINARY
            first = FIN if number == len(pieces) - 1 else 0
            data += client(opcode, piece, first=first, mask=mask)
    parts, start = [], 0
    for cut in cuts:
        parts.append(data[start : start + cut])
        start += cut
    assert read(*parts, data[start:]) == [Data(message) for message, _ in sent]


@given(st.binary(max_size=400), st.integers(0, 400))
def test_reader_stops_at_a_mistake_when_given_any_bytes(data: bytes, cut: int) -> None:
    """
    Any bytes give events and then at most one close, the same wherever they are cut.
    """
    events = outcome(read(data))
    assert outcome(read(data[:cut], data[cut:])) == events
    ends = [event for event in events if isinstance(event, Close | tuple)]
    assert len(ends) <= 1
    assert ends == events[len(events) - len(ends) :]


@given(st.binary(max_size=70_000))
def test_server_frames_have_the_shortest_length(payload: bytes) -> None:
    """
    A server's frame is final, unmasked, and its length takes one form alone.
    """
    frame = frame_bytes(BINARY, payload)
    size = len(payload)
    start = 2 if size <= 125 else 4 if size <= 0xFFFF else 10
    assert frame[0] == FIN | BINARY
    assert frame[1] == (size if size <= 125 else 126 if size <= 0xFFFF else 127)
    assert int.from_bytes(frame[1 if start == 2 else 2 : start]) == size
    assert frame[start:] == payload


def test_close_frame_holds_code_and_reason() -> None:
    """
    A close is two bytes of code, then the reason.
    """
    assert close_bytes(1001, b"bye") == b"\x88\x05\x03\xe9bye"


def test_key_is_answered_as_in_the_rfc() -> None:
    """
    The example of RFC 6455, 1.3.
    """
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_reader_shows_no_payload_when_printed() -> None:
    """
    Neither the reader nor its events show what was sent.
    """
    reader = FrameReader(MAX_BYTES)
    events = reader.receive(client(TEXT, b"secret") + client(TEXT, b"secret", first=0)[:-1])
    assert "secret" not in f"{reader!r} {events!r}"
