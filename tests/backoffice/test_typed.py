from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from backoffice.fakes import NOW
from notifier.backoffice.languages import language
from notifier.backoffice.typed import AT_A_TIME, EVERYONE, ROOM, USERS, Typed
from notifier.inbox import TO_EVERYONE, Draft, ToRoom, ToUsers
from notifier.inbox.records import Kept

ENGLISH = language("en")
GOOD = Typed(to=EVERYONE, text="Hello")
AT = evolve(GOOD, expires=AT_A_TIME)


def kept(room: str | None, users: tuple[str, ...] = (), **payload: str) -> Kept:
    return Kept(
        id="1",
        room=room,
        users=users,
        user_count=len(users),
        payload={"body": "Hello", "from": "ada", **payload},
        sent_at=NOW,
        expires_at=NOW + 60,
        reached=0,
        delivered=0,
        read=0,
        is_withdrawn=False,
    )


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        (evolve(GOOD, to=""), "to", "Choose who gets the notice."),
        (evolve(GOOD, to="all"), "to", "Choose who gets the notice."),
        (evolve(GOOD, to=ROOM, room=" "), "room", "Write the name of the room."),
        (
            evolve(GOOD, to=ROOM, room="r" * 996),
            "room",
            "A room's name has at most 995 characters, this one has 996.",
        ),
        (evolve(GOOD, to=USERS, users=" \n"), "users", "Choose at least one user."),
        (
            evolve(GOOD, to=USERS, users="\n".join(map(str, range(1_001)))),
            "users",
            "A notice goes to 1,000 users at most, these are 1,001. Send it in parts.",
        ),
        (
            evolve(GOOD, to=USERS, users="bob\n" + "x" * 256),
            "users",
            "A user's id has at most 255 characters, all of them visible. This is none: "
            + "x" * 80,
        ),
        (
            evolve(GOOD, to=USERS, users="b\x00b"),
            "users",
            "A user's id has at most 255 characters, all of them visible. This is none: b\ufffdb",
        ),
        (evolve(GOOD, level="loud"), "level", "Choose how loud it is."),
        (
            evolve(GOOD, title="t" * 240),
            "title",
            "A title has at most 200 characters, this one has 240.",
        ),
        (evolve(GOOD, text=" \n "), "text", "Write the text."),
        (
            evolve(GOOD, text="t" * 4_001),
            "text",
            "A text has at most 4,000 characters, this one has 4,001.",
        ),
        (
            evolve(GOOD, link="javascript:alert(1)"),
            "link",
            "A link begins with https:// or http:// and has no spaces.",
        ),
        (
            evolve(GOOD, link="http://["),
            "link",
            "A link begins with https:// or http:// and has no spaces.",
        ),
        (
            evolve(GOOD, link="https://" + "a" * 2_000),
            "link",
            "A link has at most 2,000 characters, this one has 2,008.",
        ),
        (evolve(GOOD, expires="soon"), "expires", "Choose when it expires."),
        (AT, "expires_at", "Choose a time to come."),
        (evolve(AT, expires_at="2027-01-15T08:00"), "expires_at", "Choose a time to come."),
        (
            evolve(AT, expires_at="2030-01-31T12:00+01:00"),
            "expires_at",
            "Choose a time to come.",
        ),
        (
            evolve(AT, expires_at="2030-01-31T12:00", offset="1441"),
            "expires_at",
            "Choose a time to come.",
        ),
        (
            evolve(AT, expires_at="9999-12-31T23:59", offset="60"),
            "expires_at",
            "Choose a time to come.",
        ),
    ],
)
def test_field_that_is_wrong_has_words_of_its_own(typed: Typed, field: str, words: str) -> None:
    """
    It alone, in words that say what is asked for and what is there.
    """
    assert typed.errors(NOW, ENGLISH) == {field: words}


def test_errors_stand_in_the_order_of_the_form() -> None:
    """
    So that the first wrong field has the keyboard.
    """
    typed = Typed(to=USERS, level="loud", title="t" * 201, link="x", expires="soon")
    errors = typed.errors(NOW, ENGLISH)
    assert list(errors) == ["users", "level", "title", "text", "link", "expires"]


def test_fields_are_as_long_as_they_may_be() -> None:
    """
    At each limit it is taken.
    """
    typed = Typed(
        to=ROOM,
        room="r" * 995,
        title="t" * 200,
        text="\U0001f600" * 4_000,
        link="https://x/".ljust(2_000, "a"),
    )
    assert typed.errors(NOW, ENGLISH) == {}
    many = evolve(GOOD, to=USERS, users="\n".join(str(id).zfill(255) for id in range(1_000)))
    assert many.errors(NOW, ENGLISH) == {}


@pytest.mark.parametrize(
    ("typed", "to"),
    [
        (evolve(GOOD, room="x", users="bob"), TO_EVERYONE),
        (evolve(GOOD, to=ROOM, room=" x ", users="bob"), ToRoom("room:x")),
        (evolve(GOOD, to=USERS, room="x", users=" bob \n\nann\nbob"), ToUsers(["bob", "ann"])),
    ],
)
def test_notice_goes_to_whom_the_choice_says(typed: Typed, to: ToRoom | ToUsers) -> None:
    """
    What was typed for another choice counts for nothing.
    """
    assert typed.recipients() == to


@pytest.mark.parametrize(
    ("typed", "expires_at"),
    [
        (GOOD, None),
        (evolve(GOOD, expires="1"), NOW + 3_600),
        (evolve(GOOD, expires="168"), NOW + 7 * 86_400),
        (evolve(AT, expires_at="2027-01-15T09:00"), NOW + 3_600),
        (evolve(AT, expires_at="2027-01-15T09:00", offset="60"), NOW + 7_200),
        (evolve(AT, expires_at="2027-01-15T10:00", offset="-60"), NOW + 3_600),
    ],
)
def test_notice_expires_when_it_was_chosen(typed: Typed, expires_at: float | None) -> None:
    """
    In the zone that a script says, else in UTC.
    """
    assert Draft.read(typed.fields(NOW), NOW).expires_at == expires_at


def test_notice_has_the_default_where_a_field_is_empty() -> None:
    """
    And no blanks around what was typed.
    """
    assert evolve(GOOD, title=" ", text=" Hello\n").fields(NOW) == {
        "body": "Hello",
        "level": "info",
    }


@pytest.mark.parametrize(
    ("was", "again"),
    [
        (kept(TO_EVERYONE.topic), GOOD),
        (kept("room:x"), evolve(GOOD, to=ROOM, room="x")),
        (kept("room: x"), evolve(GOOD, to="")),
        (kept("chat:x"), evolve(GOOD, to="")),
        (kept(None, ("bob", "ann")), evolve(GOOD, to=USERS, users="bob\nann")),
        (kept(None, ("bob", "ann\nada", " x")), evolve(GOOD, to=USERS, users="bob")),
        (
            kept("room:lobby", title="Hi", level="urgent", link="https://x/", expires_at="past"),
            evolve(GOOD, title="Hi", level="urgent", link="https://x/"),
        ),
    ],
)
def test_notice_is_typed_again_as_it_was_sent(was: Kept, again: Typed) -> None:
    """
    To nobody else: a name that the form would make another one is left out.
    """
    assert Typed.again(was) == again


def test_missing_fields_are_as_in_an_empty_form() -> None:
    """
    And what belongs to the page is no part of the notice.
    """
    typed = Typed.of({"csrf": "x", "act": "send", "text": "one\r\ntwo\rthree"})
    assert typed == Typed(text="one\ntwo\nthree")


@given(
    typed=st.builds(
        Typed,
        to=st.sampled_from(["", EVERYONE, ROOM, USERS]),
        room=st.text(),
        users=st.text(),
        level=st.sampled_from(["", "info", "urgent", "loud"]),
        title=st.text(max_size=210),
        text=st.text(),
        link=st.text() | st.just("https://x.example/?a=1"),
        expires=st.sampled_from(["", "1", AT_A_TIME, "x"]),
        expires_at=st.text() | st.datetimes().map(lambda at: at.isoformat(timespec="minutes")),
        offset=st.text() | st.integers().map(str),
    )
)
def test_form_without_errors_can_be_sent(typed: Typed) -> None:
    """
    Whatever was typed, it is either told or good for the inbox.
    """
    if not typed.errors(NOW, ENGLISH):
        assert typed.recipients().topics()
        assert Draft.read(typed.fields(NOW), NOW)
