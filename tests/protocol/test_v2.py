"""
Serializer 2.0.0: lists of five, and the binary form both ways.
"""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifier.errors import ProtocolError
from notifier.protocol import Broadcast, Message, Outgoing, Payload, Ref, Reply
from notifier.protocol.v2 import V2Serializer
from protocol.strategies import nested, payloads, refs, short_text

V2 = V2Serializer()
LONGEST = "é" * 127 + "e"  # 255 bytes


def encoded(message: Outgoing) -> Any:
    return orjson.loads(V2.encode(message).data)


def client_push(join_ref: str, ref: str, topic: str, event: str, payload: bytes) -> bytes:
    """
    Encode a binary push as phoenix.js does (serializer.js, binaryEncode).
    """
    fields = [field.encode() for field in (join_ref, ref, topic, event)]
    return bytes((0, *map(len, fields))) + b"".join(fields) + payload


def client_read(data: bytes, field_count: int) -> tuple[int, list[str], bytes]:
    """
    Decode what the server sent as phoenix.js does: kind, fields, payload.
    """
    start, fields = 1 + field_count, []
    for size in data[1:start]:
        fields.append(data[start : start + size].decode())
        start += size
    return data[0], fields, data[start:]


# --- text


@given(refs, refs, st.text(), st.text(), payloads)
@example(1, 1.0, "tópic 😀", "\x00\u2028", {"": [0.1, -0.0]})
def test_decode_reads_what_a_client_wrote(
    join_ref: Ref, ref: Ref, topic: str, event: str, payload: Payload
) -> None:
    """
    Every field arrives as it was sent, with its JSON type.
    """
    message = V2.decode_text(orjson.dumps([join_ref, ref, topic, event, payload]))
    assert repr(message.payload) == repr(payload)
    assert message == Message(join_ref, ref, topic, event, payload)
    assert (type(message.join_ref), type(message.ref)) == (type(join_ref), type(ref))


@pytest.mark.parametrize(
    "ref", ["12", '"12"', "12.0", "null", "-0.5", "18446744073709551615", '"\\u0000"', '"😀"']
)
def test_ref_comes_back_in_a_reply_as_it_was_sent(ref: str) -> None:
    """
    A client finds its ref in the reply with the JSON type that it chose.
    """
    message = V2.decode_text(f'[{ref},{ref},"t","e",{{}}]')
    reply = V2.encode(Reply(message.join_ref, message.ref, "t", "ok", {}))
    assert reply.data.decode().startswith(f"[{ref},{ref},")


def test_ref_beyond_64_bits_comes_back_as_a_number() -> None:
    """
    A number that JSON libraries read as a double is echoed as that double.
    """
    message = V2.decode_text('[null,100000000000000000000,"t","e",{}]')
    assert encoded(Reply(None, message.ref, "t", "ok", {}))[1] == 1e20


def test_decode_ignores_elements_past_the_fifth() -> None:
    """
    What a client adds of its own does no harm.
    """
    assert V2.decode_text('["1","2","t","e",{},"x"]') == Message("1", "2", "t", "e", {})


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ('["1","2","t","e"]', "a list of 4"),
        ("[]", "a list of 0"),
        ('{"topic":"t","event":"e","payload":{},"ref":"1"}', "an object with 4 keys"),
        ('"five!"', "a string of 5 characters"),
    ],
)
def test_decode_refuses_what_is_no_list_of_five(text: str, got: str) -> None:
    """
    A client of the other version is told which version this one is.
    """
    with pytest.raises(ProtocolError, match=rf"\(vsn 2\.0\.0\), got {got}$"):
        V2.decode_text(text)


def test_decode_refuses_a_bad_field() -> None:
    """
    The shared checks hold for this version, too.
    """
    with pytest.raises(ProtocolError, match="topic to be a string, got null"):
        V2.decode_text('["1","2",null,"e",{}]')


@given(refs, refs, st.text(), st.text(), payloads)
def test_encode_of_a_message_is_its_five_fields(
    join_ref: Ref, ref: Ref, topic: str, event: str, payload: Payload
) -> None:
    """
    A push carries what the channel gave, refs with their type.
    """
    got = encoded(Message(join_ref, ref, topic, event, payload))
    assert got == [join_ref, ref, topic, event, payload]
    assert [type(one) for one in got[:2]] == [type(join_ref), type(ref)]


@given(refs, refs, st.text(), payloads)
def test_encode_of_a_reply_is_a_phx_reply(
    join_ref: Ref, ref: Ref, topic: str, response: Payload
) -> None:
    """
    A reply brings both refs back, and status and response as payload.
    """
    got = encoded(Reply(join_ref, ref, topic, "error", response))
    assert got == [join_ref, ref, topic, "phx_reply", {"status": "error", "response": response}]


def test_encode_of_a_broadcast_has_null_for_both_refs() -> None:
    """
    A broadcast belongs to no join and answers nothing.
    """
    assert encoded(Broadcast("t", "e", [1])) == [None, None, "t", "e", [1]]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")], ids=repr)
def test_encode_makes_null_of_a_number_that_json_has_not(number: float) -> None:
    """
    NaN and the infinities go out as null, as in JavaScript, and break no client.
    """
    assert V2.encode(Broadcast("t", "e", [number])).data.endswith(b",[null]]")


@pytest.mark.parametrize(
    "payload",
    [object(), {1: 2}, {"a": {1, 2}}, 2**64, "\ud800", nested(300), [b"inner"]],
    ids=["object", "number as key", "set", "huge", "surrogate", "deep", "bytes within"],
)
def test_encode_raises_type_error_when_json_cannot_hold_it(payload: Payload) -> None:
    """
    An author's payload that is no JSON value is the author's mistake.
    """
    with pytest.raises(TypeError):
        V2.encode(Broadcast("t", "e", payload))


# --- binary


@given(short_text, short_text, short_text, short_text, st.binary())
@example(LONGEST, LONGEST, LONGEST, LONGEST, b"\xff\x00")
@example("", "", "", "", b"")
def test_decode_binary_reads_what_a_client_wrote(
    join_ref: str, ref: str, topic: str, event: str, payload: bytes
) -> None:
    """
    Fields of up to 255 bytes and any bytes behind them arrive as they were sent.
    """
    message = V2.decode_binary(client_push(join_ref, ref, topic, event, payload))
    assert message == Message(join_ref, ref, topic, event, payload)


BAD_BINARY = {
    "nothing": (b"", "four length bytes, got nothing"),
    "a kind alone": (b"\x00", "got kind 0 in 1 bytes"),
    "lengths cut": (b"\x00\x00\x00\x00", "got kind 0 in 4 bytes"),
    "a reply": (b"\x01\x00\x00\x00\x00", "kind 0 and four length bytes, got kind 1 in 5 bytes"),
    "a field cut": (b"\x00\x00\x00\x00\x02e", "expected at least 7 bytes, got 6 bytes"),
    "a field not UTF-8": (b"\x00\x00\x00\x01\x00\xff", "expected fields in UTF-8"),
    "half a pair": (b"\x00\x00\x00\x03\x00\xed\xa0\x80", "expected fields in UTF-8"),
}


@pytest.mark.parametrize(("data", "text"), BAD_BINARY.values(), ids=BAD_BINARY)
def test_decode_binary_refuses_what_is_no_push(data: bytes, text: str) -> None:
    """
    Each mistake is told by what was expected, never by what was in it.
    """
    with pytest.raises(ProtocolError, match=text):
        V2.decode_binary(data)


@given(st.binary())
def test_decode_binary_raises_nothing_but_protocol_errors(data: bytes) -> None:
    """
    Any bytes are a message or a ProtocolError.
    """
    try:
        message = V2.decode_binary(data)
    except ProtocolError:
        return
    assert data.endswith(message.payload)


Case = tuple[Outgoing, int, int, list[str]]
BINARY_OUT: dict[str, Case] = {
    "push": (Message("1", "2", "t", "e", b"\xff"), 3, 0, ["1", "t", "e"]),
    "push without join_ref": (Message(None, None, "t", "e", b"\xff"), 3, 0, ["", "t", "e"]),
    "reply": (Reply("1", "2", "t", "ok", b"\xff"), 4, 1, ["1", "2", "t", "ok"]),
    "reply with numbers": (Reply(1, 2.5, "t", "ok", b"\xff"), 4, 1, ["1", "2.5", "t", "ok"]),
    "reply with nulls": (Reply(None, None, "t", "ok", b"\xff"), 4, 1, ["", "", "t", "ok"]),
    "broadcast": (Broadcast("t", "e", b"\xff"), 2, 2, ["t", "e"]),
    "longest": (Broadcast(LONGEST, "e", b"\xff"), 2, 2, [LONGEST, "e"]),
}


@pytest.mark.parametrize(
    ("message", "count", "kind", "fields"), BINARY_OUT.values(), ids=BINARY_OUT
)
def test_encode_of_bytes_is_binary(
    message: Outgoing, count: int, kind: int, fields: list[str]
) -> None:
    """
    Each kind has the fields that phoenix.js reads of it, then the bytes.
    """
    frame = V2.encode(message)
    assert frame.binary
    assert client_read(frame.data, count) == (kind, fields, b"\xff")


@given(st.binary())
def test_encode_of_bytes_keeps_any_bytes(payload: bytes) -> None:
    """
    What goes in comes out, whatever the bytes are.
    """
    assert client_read(V2.encode(Broadcast("t", "e", payload)).data, 2)[2] == payload


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (Message("1", None, "t", "e", b"\xff"), ["1", None, "t", "e", {"base64": "/w=="}]),
        (Broadcast("t", "e", b"\xff"), [None, None, "t", "e", {"base64": "/w=="}]),
        (
            Reply("1", 2, "t", "ok", b"\xff"),
            ["1", 2, "t", "phx_reply", {"status": "ok", "response": {"base64": "/w=="}}],
        ),
    ],
    ids=["push", "broadcast", "reply"],
)
def test_encode_of_bytes_has_a_text_for_polls(message: Outgoing, text: list[Any]) -> None:
    """
    A poll's client, which takes text only, reads the bytes in base64.
    """
    assert orjson.loads(V2.encode(message).text) == text


@pytest.mark.parametrize("payload", [{}, b""], ids=["text", "binary"])
def test_encode_says_which_form_it_is(payload: Payload) -> None:
    """
    Bytes are binary, also where there are none of them, and all else is text.
    """
    assert V2.encode(Broadcast("t", "e", payload)).binary is (payload == b"")


@pytest.mark.parametrize(
    "message",
    [
        Broadcast("é" * 128, "e", b""),
        Message("1" * 256, None, "t", "e", b""),
        Reply("1", "2" * 256, "t", "ok", b""),
    ],
    ids=["topic", "join_ref", "ref"],
)
def test_encode_refuses_a_field_over_255_bytes(message: Outgoing) -> None:
    """
    What one length byte cannot tell is refused, not cut.
    """
    with pytest.raises(ValueError, match="fields of at most 255 bytes in a binary message, got"):
        V2.encode(message)
