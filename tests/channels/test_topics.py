"""
Which channel serves a topic.
"""

from __future__ import annotations

from typing import Any

import pytest

from notifier import Channel
from notifier.channels.topics import Routes, first_match


class Lobby(Channel):
    pass


class Room(Channel):
    pass


class Other(Channel):
    pass


ROUTES = Routes({"room:*": Room, "room:lobby": Lobby, "room:big:*": Other, "exact": Other})


@pytest.mark.parametrize(
    ("topic", "channel"),
    [
        ("room:lobby", Lobby),
        ("room:a", Room),
        ("room:", Room),
        ("room:*", Room),
        ("room:big:a", Room),
        ("exact", Other),
        ("exact:a", None),
        ("room", None),
        ("Room:a", None),
        ("", None),
    ],
)
def test_exact_pattern_comes_first_then_the_order(topic: str, channel: Any) -> None:
    """
    A `*` stands at the end and for anything.
    """
    assert ROUTES.match(topic) is channel
    assert ROUTES.serve(topic) is (channel is not None)


def test_star_alone_serves_every_topic() -> None:
    """
    For an application that looks at the topic itself.
    """
    assert Routes({"*": Room}).match("anything") is Room


def test_first_of_several_tables_is_taken() -> None:
    """
    Several sockets may share one endpoint.
    """
    tables = [Routes({"a": Room}), Routes({"a": Other, "b": Other})]
    assert first_match(tables, "a") is Room
    assert first_match(tables, "b") is Other
    assert first_match(tables, "c") is None


@pytest.mark.parametrize("pattern", ["", "a*b", "*:a", "a**", 5, None])
def test_pattern_is_refused_when_it_cannot_be_meant(pattern: Any) -> None:
    """
    The message shows both forms and what came.
    """
    with pytest.raises(ValueError, match=r"exact \('room:lobby'\) or ends in \*") as raised:
        Routes({pattern: Room})
    assert repr(pattern) in str(raised.value)


@pytest.mark.parametrize("channel", [None, "Room", Room(), object, dict])
def test_channel_is_refused_when_it_is_none(channel: Any) -> None:
    """
    A class is wanted, not an object of it.
    """
    with pytest.raises(TypeError, match=r"the pattern 'room:\*' needs a Channel class, got"):
        Routes({"room:*": channel})


@pytest.mark.parametrize("table", [None, [("room:*", Room)], Room])
def test_table_is_refused_when_it_is_no_mapping(table: Any) -> None:
    """
    The message says what it maps.
    """
    with pytest.raises(TypeError, match="a mapping of topic pattern to Channel class"):
        Routes(table)
