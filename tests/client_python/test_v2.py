"""
The client's serializer against the server's: what one writes the other reads.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notifier_client.errors import ProtocolError
from notifier_client.message import Message
from notifier_client.v2 import decode, encode, from_line, to_line

from notifier.protocol import Broadcast, Reply
from notifier.protocol import Message as ServerMessage
from notifier.protocol.v2 import V2Serializer

SERVER = V2Serializer()
WORDS = st.text(st.characters(codec="utf-8"), max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


@given(WORDS, WORDS, WORDS, WORDS, VALUES | st.binary(max_size=50))
def test_server_reads_what_the_client_writes(join_ref, ref, topic, event, payload) -> None:
    """
    Text, and binary where the payload is bytes.
    """
    frame = encode(Message(join_ref, ref, topic, event, payload))
    read = SERVER.decode_binary if isinstance(frame, bytes) else SERVER.decode_text
    assert read(frame) == ServerMessage(join_ref, ref, topic, event, payload)
    assert from_line(to_line(frame)) == frame


@given(WORDS, WORDS, VALUES | st.binary(max_size=50))
def test_client_reads_what_the_server_writes(topic, word, payload) -> None:
    """
    Pushes, replies and broadcasts.
    """
    reply = {"status": word, "response": payload}
    for sent, expected in (
        (ServerMessage("1", None, topic, word, payload), ("1", None, topic, word, payload)),
        (Reply("1", "2", topic, word, payload), ("1", "2", topic, "phx_reply", reply)),
        (Broadcast(topic, word, payload), (None, None, topic, word, payload)),
    ):
        frame = SERVER.encode(sent)
        assert decode(frame.data if frame.binary else frame.text.decode()) == Message(*expected)


def test_numbers_in_refs_are_read_as_text() -> None:
    """
    A server echoes refs as they came; ours are strings.
    """
    assert decode('[1,2,"a","b",{}]') == Message("1", "2", "a", "b", {})


@pytest.mark.parametrize("frame", ["", "{", "[1]", '[1,2,3,"b",{}]', b"", b"\x07", b"\x00\xff"])
def test_decode_raises_when_it_is_no_message(frame: str | bytes) -> None:
    """
    What cannot be read says what was expected, and shows nothing of it.
    """
    with pytest.raises(ProtocolError):
        decode(frame)


def test_long_field_is_refused_when_it_is_binary() -> None:
    """
    A length byte holds 255.
    """
    with pytest.raises(ValueError, match="got one of 300"):
        encode(Message("1", "1", "t" * 300, "e", b""))


def test_line_that_is_neither_is_refused() -> None:
    """
    A line of a poll answer is JSON or base64.
    """
    with pytest.raises(ProtocolError):
        from_line("ä")


@pytest.mark.parametrize("payload", [float("nan"), {1, 2}])
def test_encode_raises_when_json_cannot_hold_it(payload: object) -> None:
    """
    A payload that is no JSON value is the caller's mistake.
    """
    with pytest.raises((TypeError, ValueError)):
        encode(Message("1", "1", "t", "e", payload))
