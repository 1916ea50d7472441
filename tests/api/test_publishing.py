"""
Publishing: an event to everyone on a topic, and what is refused.
"""

from __future__ import annotations

import pytest

from api.caller import Caller


async def test_event_is_stored_and_told_when_it_is_published(caller: Caller) -> None:
    """
    The answer has the id in the log, and how many sessions there were.
    """
    told = await caller.publish()
    assert told.status == 201
    assert told.body["reached"] == 0
    page = await caller.notifier.endpoint.engine.read("room:lobby", "", 10)
    assert [one.payload for one in page.publications] == [{"body": "hello", "id": told.body["id"]}]


@pytest.mark.parametrize(
    "event", ["phx_reply", "phx_anything", "heartbeat", "disconnect", "presence_diff"]
)
async def test_event_is_refused_when_it_is_reserved(caller: Caller, event: str) -> None:
    """
    What clients or the server take for their own is not published.
    """
    told = await caller.publish(event=event)
    assert (told.kind, told.fields) == ("NotValid", ["/event"])
    assert "none that begins with phx_" in told.body["errors"][0]["expected"]


@pytest.mark.parametrize("topic", ["user_socket:42", "phoenix", "nobody:serves", "room"])
async def test_topic_is_refused_when_no_channel_serves_it(caller: Caller, topic: str) -> None:
    """
    Nodes talk among themselves on such: nobody orders a disconnect by publishing.
    """
    assert (await caller.publish(topic=topic)).kind == "NotFound"


async def test_payload_is_refused_when_it_is_nested_too_deep(caller: Caller) -> None:
    """
    What can be read and not be written again is the caller's mistake.
    """
    payload: dict[str, object] = {}
    for _ in range(500):
        payload = {"a": payload}
    told = await caller.publish(payload=payload)
    assert (told.kind, told.fields) == ("NotValid", ["/payload"])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"topic": ""}, "/topic"),
        ({"topic": 1}, "/topic"),
        ({"topic": "room:" + "x" * 400}, "/topic"),
        ({"topic": "room:a\n"}, "/topic"),
        ({"event": "a\x00b"}, "/event"),
        ({"payload": []}, "/payload"),
        ({"more": 1}, "/more"),
    ],
)
async def test_field_is_named_when_it_is_wrong(
    caller: Caller, changes: dict[str, object], field: str
) -> None:
    """
    Each mistake comes with its field, what was expected and what came.
    """
    told = await caller.publish(**changes)
    assert (told.kind, told.fields) == ("NotValid", [field])
    assert told.status == 422
    assert all(told.body["errors"][0][name] for name in ("expected", "got"))


async def test_every_field_is_named_when_all_are_missing(caller: Caller) -> None:
    """
    A caller mends all of it in one go.
    """
    told = await caller.ask("POST", "/publish", {})
    assert told.fields == ["/topic", "/event", "/payload"]
