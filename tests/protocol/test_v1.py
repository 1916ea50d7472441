"""
Serializer 1.0.0: objects, text only.
"""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifier.errors import ProtocolError
from notifier.protocol import Broadcast, Message, Outgoing, Payload, Ref, Reply
from notifier.protocol.v1 import V1Serializer
from protocol.strategies import nested, payloads, refs

V1 = V1Serializer()


def encoded(message: Outgoing) -> Any:
    return orjson.loads(V1.encode(message).data)


@given(refs, refs, st.text(), st.text(), payloads)
@example(1, 1.0, "tópic 😀", "\x00\u2028", {"": [0.1, -0.0]})
def test_decode_reads_what_a_client_wrote(
    join_ref: Ref, ref: Ref, topic: str, event: str, payload: Payload
) -> None:
    """
    Every field arrives as it was sent, with its JSON type.
    """
    sent = {"topic": topic, "event": event, "payload": payload, "ref": ref, "join_ref": join_ref}
    message = V1.decode_text(orjson.dumps(sent))
    assert repr(message.payload) == repr(payload)
    assert message == Message(join_ref, ref, topic, event, payload)
    assert (type(message.join_ref), type(message.ref)) == (type(join_ref), type(ref))


def test_decode_takes_a_missing_join_ref_for_null() -> None:
    """
    Clients of this version may know no join_ref at all.
    """
    message = V1.decode_text('{"topic":"t","event":"e","payload":{},"ref":"1"}')
    assert message == Message(None, "1", "t", "e", {})


def test_decode_ignores_keys_it_does_not_know() -> None:
    """
    What a client adds of its own does no harm.
    """
    text = '{"topic":"t","event":"e","payload":{},"ref":"1","vsn":"1.0.0","x":[]}'
    assert V1.decode_text(text) == Message(None, "1", "t", "e", {})


@pytest.mark.parametrize("missing", ["topic", "event", "payload", "ref"])
def test_decode_names_the_key_that_is_missing(missing: str) -> None:
    """
    An object without one of its four keys is refused by that key's name.
    """
    whole: dict[str, Any] = {"topic": "t", "event": "e", "payload": {}, "ref": None}
    del whole[missing]
    with pytest.raises(ProtocolError, match=f"got one without {missing}$"):
        V1.decode_text(orjson.dumps(whole))


@pytest.mark.parametrize(
    ("text", "got"), [('["1","2","t","e",{}]', "a list of 5"), ("null", "null"), ('"t"', "string")]
)
def test_decode_refuses_what_is_no_object(text: str, got: str) -> None:
    """
    A client of the other version is told which version this one is.
    """
    with pytest.raises(ProtocolError, match=rf"an object \(vsn 1\.0\.0\), got .*{got}"):
        V1.decode_text(text)


def test_decode_refuses_a_bad_field() -> None:
    """
    The shared checks hold for this version, too.
    """
    with pytest.raises(ProtocolError, match="ref to be a string, a number or null, got a list"):
        V1.decode_text('{"topic":"t","event":"e","payload":{},"ref":[]}')


def test_decode_binary_refuses_all() -> None:
    """
    This version has no binary messages.
    """
    with pytest.raises(ProtocolError, match=r"no binary messages\), got 3 bytes"):
        V1.decode_binary(b"\x00\x00\x00")


@given(refs, refs, st.text(), st.text(), payloads)
def test_encode_of_a_message_leaves_join_ref_out(
    join_ref: Ref, ref: Ref, topic: str, event: str, payload: Payload
) -> None:
    """
    A push has its ref and its payload, and no join_ref: this version has none.
    """
    got = encoded(Message(join_ref, ref, topic, event, payload))
    assert got == {"topic": topic, "event": event, "payload": payload, "ref": ref}
    assert type(got["ref"]) is type(ref)


@given(refs, refs, st.text(), payloads)
def test_encode_of_a_reply_is_a_phx_reply(
    join_ref: Ref, ref: Ref, topic: str, response: Payload
) -> None:
    """
    A reply brings the ref back with its type, and status and response as payload.
    """
    got = encoded(Reply(join_ref, ref, topic, "ok", response))
    payload = {"status": "ok", "response": response}
    assert got == {"topic": topic, "event": "phx_reply", "payload": payload, "ref": ref}
    assert type(got["ref"]) is type(ref)


def test_encode_of_a_broadcast_has_the_key_ref() -> None:
    """
    A Python client of this version refuses frames without the key `ref`.
    """
    got = encoded(Broadcast("t", "e", [1]))
    assert got == {"topic": "t", "event": "e", "payload": [1], "ref": None}


@pytest.mark.parametrize(
    ("message", "payload"),
    [
        (Message(None, "1", "t", "e", b"\xff\x00"), {"base64": "/wA="}),
        (Broadcast("t", "e", b""), {"base64": ""}),
        (Reply(None, "1", "t", "ok", b"\xff"), {"status": "ok", "response": {"base64": "/w=="}}),
    ],
    ids=["message", "broadcast", "reply"],
)
def test_encode_makes_bytes_readable(message: Outgoing, payload: Payload) -> None:
    """
    A client that can take text only gets bytes in base64.
    """
    assert (encoded(message)["payload"], V1.encode(message).binary) == (payload, False)


def test_encode_gives_one_form_for_all() -> None:
    """
    What a poll shows and what a WebSocket carries is the same text.
    """
    frame = V1.encode(Broadcast("t", "e", {}))
    assert frame.data is frame.text


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
        V1.encode(Broadcast("t", "e", payload))
