from __future__ import annotations

import pytest

from notifier.backoffice.typed import (
    SEND,
    TEXT_MAX_CHARACTERS,
    THROW_OUT,
    USER_ID_MAX_CHARACTERS,
    Typed,
)


def test_nothing_is_wrong_when_everything_is_there() -> None:
    """
    A message to everyone and one to a user pass, up to the limits.
    """
    assert Typed(to="everyone", text="x" * TEXT_MAX_CHARACTERS).errors(SEND) == {}
    assert Typed(to="user", user="u" * USER_ID_MAX_CHARACTERS, text="x").errors(SEND) == {}
    assert Typed(out="42").errors(THROW_OUT) == {}


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        (Typed(text="x"), "to", "Choose who"),
        (Typed(to="nobody", text="x"), "to", "Choose who"),
        (Typed(to="everyone", user="42", text="x"), "to", "also wrote a user id"),
        (Typed(to="user", text="x"), "user", "Write the id"),
        (Typed(to="user", user=" \t", text="x"), "user", "Write the id"),
        (Typed(to="user", user="u" * 201, text="x"), "user", "at most 200 characters"),
        (Typed(to="user", user="a\x00b", text="x"), "user", "no control characters"),
        (Typed(to="user", user="a\x85b", text="x"), "user", "no control characters"),
        (Typed(to="user", user="a\ud800b", text="x"), "user", "no control characters"),
        (Typed(to="everyone"), "text", "Write the message"),
        (Typed(to="everyone", text=" \n "), "text", "Write the message"),
        (
            Typed(to="everyone", text="x" * 4_001),
            "text",
            "at most 4,000 characters, this one has 4,001",
        ),
    ],
)
def test_sending_is_refused_when_a_field_is_wrong(typed: Typed, field: str, words: str) -> None:
    """
    The one field that is wrong is named, with what would be right.
    """
    errors = typed.errors(SEND)
    assert list(errors) == [field]
    assert words in errors[field]


def test_each_field_is_named_when_several_are_wrong() -> None:
    """
    All that is wrong is told at once, in the order of the page.
    """
    assert list(Typed(to="user").errors(SEND)) == ["user", "text"]


@pytest.mark.parametrize("out", ["", "u" * 201, "a\nb"])
def test_throwing_out_is_refused_when_the_user_id_is_wrong(out: str) -> None:
    """
    Throwing out looks at its own field and at no other.
    """
    assert list(Typed(out=out).errors(THROW_OUT)) == ["out"]


@pytest.mark.parametrize("act", ["", "neither", "errors"])
def test_it_is_asked_which_is_meant_when_no_act_is_named(act: str) -> None:
    """
    Without a button's name nothing is done.
    """
    assert list(Typed(to="everyone", text="x", out="42").errors(act)) == ["act"]


def test_line_ends_count_once_when_a_browser_doubles_them() -> None:
    """
    CRLF is read as one line end.
    """
    assert Typed.of({"text": "a\r\nb\rc\nd"}).text == "a\nb\nc\nd"


def test_fields_of_another_kind_are_empty_when_read() -> None:
    """
    Only strings are typed.
    """
    assert Typed.of({"text": 5, "to": None, "else": "x"}) == Typed()


def test_act_id_is_the_same_when_the_same_page_is_sent_twice() -> None:
    """
    Page, act and content name an act; the other act's field does not matter.
    """
    typed = Typed(to="everyone", text="hello")
    assert typed.act_id(SEND, "page") == Typed(to="everyone", text="hello", out="9").act_id(
        SEND, "page"
    )


@pytest.mark.parametrize(
    ("typed", "act", "once"),
    [
        (Typed(to="everyone", text="hello!"), SEND, "page"),
        (Typed(to="user", text="hello"), SEND, "page"),
        (Typed(to="everyone", text="hello"), SEND, "another page"),
        (Typed(to="everyone", text="hello"), THROW_OUT, "page"),
    ],
)
def test_act_id_differs_when_anything_differs(typed: Typed, act: str, once: str) -> None:
    """
    An edited form is another act, even from the same page.
    """
    assert typed.act_id(act, once) != Typed(to="everyone", text="hello").act_id(SEND, "page")


def test_the_other_act_stays_typed_when_one_is_done() -> None:
    """
    What is done is cleared, what is not stays.
    """
    typed = Typed(to="user", user="1", text="x", out="2")
    assert typed.without(SEND) == Typed(out="2")
    assert typed.without(THROW_OUT) == Typed(to="user", user="1", text="x")


def test_repr_keeps_the_text_to_itself() -> None:
    """
    What was typed does not show in a repr.
    """
    assert "private" not in repr(Typed(text="private"))
