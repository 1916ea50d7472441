"""
What a sender may write, and what goes over the wire.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.inbox import Draft, InvalidNotice, ToRoom, ToUsers
from notifier.inbox.notice import BODY_MAX_CHARACTERS, has_expired, iso
from notifier.inbox.recipients import MAX_RECIPIENTS

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z


def test_notice_has_only_what_was_given() -> None:
    """
    A plain notice is as it ever was; the default level is left out also where it was given.
    """
    plain = {"body": "b", "from": "ada", "at": "2027-01-15T08:00:00.000Z"}
    assert Draft.read({"body": "b"}, NOW).payload("ada", NOW) == plain
    nothing = {"body": "b", "level": "info", "title": None, "link": None, "expires_at": None}
    assert Draft.read({**nothing, "unknown": 1}, NOW).payload("ada", NOW) == plain


def test_notice_has_all_that_was_given() -> None:
    """
    The time in UTC, to the millisecond, whatever zone it was given in.
    """
    given = {
        "body": "b",
        "level": "urgent",
        "title": "t",
        "link": "https://a.example/b?c#d",
        "expires_at": "2027-01-15T10:00:00.0019+01:00",
    }
    assert Draft.read(given, NOW).payload("ada", NOW) == {
        **given,
        "from": "ada",
        "at": "2027-01-15T08:00:00.000Z",
        "expires_at": "2027-01-15T09:00:00.001Z",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("body", ""),
        ("body", 5),
        ("body", None),
        ("body", "x" * (BODY_MAX_CHARACTERS + 1)),
        ("body", "\ud800"),
        ("level", "loud"),
        ("level", ["info"]),
        ("title", ""),
        ("title", "x" * 201),
        ("link", "javascript:alert(1)"),
        ("link", "//a.example"),
        ("link", "/path"),
        ("link", "https://"),
        ("link", "https://a b"),
        ("link", "https://a.example/\n"),
        ("link", "https://[a"),
        ("link", "https://a.example:port"),
        ("link", "https:\\\\a.example"),
        ("link", f"https://a.example/{'x' * 2_000}"),
        ("link", 1),
        ("expires_at", "2027-01-15T08:00:00Z"),  # now
        ("expires_at", "2027-01-15T09:00:00"),  # no zone
        ("expires_at", "tomorrow"),
        ("expires_at", "9999-12-31T23:59:59-12:00"),
        ("expires_at", 1_900_000_000),
    ],
)
def test_notice_is_refused_when_a_field_is_wrong(field: str, value: object) -> None:
    """
    It says which one, what was expected and what kind of value came.
    """
    with pytest.raises(InvalidNotice) as raised:
        Draft.read({"body": "b", field: value}, NOW)
    assert set(raised.value.expected) == set(raised.value.got) == {field}
    assert f"{field}: expected " in str(raised.value)
    assert "javascript" not in str(raised.value)


def test_every_wrong_field_is_named() -> None:
    """
    So that one round mends them all.
    """
    with pytest.raises(InvalidNotice) as raised:
        Draft.read({"level": 1, "link": "x"}, NOW)
    assert raised.value.got == {
        "body": "nothing",
        "level": "a number",
        "link": "a string of 1 characters",
    }


text = st.text("htps:/?#[]@\\. \n09-TZ") | st.sampled_from(["info", "https://a", "2030-01-01Z"])
json = st.none() | st.booleans() | st.floats(allow_nan=False) | text | st.lists(text, max_size=2)


@given(st.dictionaries(st.sampled_from(["body", "level", "title", "link", "expires_at"]), json))
def test_fields_are_read_or_refused(fields: dict[str, Any]) -> None:
    """
    Whatever JSON comes, nothing else is raised.
    """
    try:
        payload = Draft.read(fields, NOW).payload("ada", NOW)
    except InvalidNotice:
        return
    assert not has_expired(payload, NOW)


def test_notice_expires_at_its_time() -> None:
    """
    Not before, and what has no time never.
    """
    notice = Draft.read({"body": "b", "expires_at": iso(NOW + 1)}, NOW).payload("ada", NOW)
    assert not has_expired(notice, NOW + 0.999)
    assert has_expired(notice, NOW + 1)
    assert not has_expired({}, NOW)


@pytest.mark.parametrize(
    "to",
    [
        ToUsers([]),
        ToUsers([""]),
        ToUsers(["a", 5]),
        ToUsers(["x" * 1_001]),
        ToUsers(["\ud800"]),
        ToUsers([str(number) for number in range(MAX_RECIPIENTS + 1)]),
        ToRoom(""),
        ToRoom("user:ann"),
        ToRoom("\ud800"),
    ],
)
def test_recipients_are_refused_when_they_are_none(to: Any) -> None:
    """
    Nobody, too many, and what is no id.
    """
    with pytest.raises(InvalidNotice) as raised:
        to.topics()
    assert set(raised.value.expected) == {"to"}


def test_users_are_named_once_each() -> None:
    """
    In the order given; a room is its topic.
    """
    assert ToUsers(["b", "a", "b"]).topics() == ["user:b", "user:a"]
    assert ToRoom("room:x").topics() == ["room:x"]
