"""
What an operator typed into the form, and what it has to look like.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from typing import Final

from attrs import evolve, frozen

USER_ID_MAX_CHARACTERS: Final = 200
"""
A user id is what the host application calls its user; a longer one is refused
beside the field.
"""

TEXT_MAX_CHARACTERS: Final = 4_000
"""A notice is read at a glance; a longer text is refused beside the field, never cut."""

EVERYONE: Final = "everyone"
ONE_USER: Final = "user"
SEND: Final = "send"
THROW_OUT: Final = "throw_out"
WRITE_TO: Final = "write_to"
REFRESH: Final = "refresh"

# Control characters, which browsers change on the way; halves of a character, which have no UTF-8.
_UNWRITABLE: Final = ("Cc", "Cs")


@frozen(repr=False)
class Typed:
    """
    Everything in the form as it was typed, whether it is right or not.
    """

    to: str = ""
    user: str = ""
    text: str = ""
    out: str = ""

    @classmethod
    def of(cls, fields: Mapping[str, object]) -> Typed:
        """
        Take the form's fields out of others; one that is missing is empty.
        """
        found = {name: fields.get(name) for name in ("to", "user", "text", "out")}
        typed = cls(**{name: value for name, value in found.items() if isinstance(value, str)})
        # Browsers send CRLF for every line end, and a reader counts it as one character.
        return evolve(typed, text=typed.text.replace("\r\n", "\n").replace("\r", "\n"))

    def naming(self, act: str, user: str) -> Typed:
        """
        Return what this act is about where its button names the user.
        """
        if not user:
            return self
        if act == THROW_OUT:
            return evolve(self, out=user)
        return evolve(self, to=ONE_USER, user=user)

    def act_id(self, act: str, once: str) -> str:
        """
        Name one act: the same page sent in with the same content is the same.
        """
        asked = (self.out,) if act == THROW_OUT else (self.to, self.user, self.text)
        return hashlib.sha256(repr((once, act, asked)).encode()).hexdigest()[:32]

    def without(self, act: str) -> Typed:
        """
        Return what is left to do when this act is done.
        """
        return evolve(self, out="") if act == THROW_OUT else Typed(out=self.out)

    def errors(self, act: str) -> dict[str, str]:
        """
        Say what keeps this act from being done, by field; empty when nothing.
        """
        if act == THROW_OUT:
            checked = {"out": _user_error(self.out, "Write the id of the user to throw out.")}
        elif act == SEND:
            checked = {"to": self._to_error(), "user": "", "text": _text_error(self.text)}
            if self.to == ONE_USER:
                checked["user"] = _user_error(self.user, "Write the id of the user to send to.")
        elif act == WRITE_TO:
            checked = {"user": _user_error(self.user, "Write the id of the user to send to.")}
        elif act == REFRESH:
            checked = {}
        else:
            checked = {"act": "Nothing was sent yet. Press Send or Throw out."}
        return {field: words for field, words in checked.items() if words}

    def _to_error(self) -> str:
        if self.to not in (EVERYONE, ONE_USER):
            return "Choose who gets the message."
        if self.to == EVERYONE and self.user.strip():
            return "You chose everyone and also wrote a user id. Empty the id, or choose one user."
        return ""


def can_be_typed(user: str) -> bool:
    """
    Return whether a user id goes through the form as it is.
    """
    return user == user.strip() and not _user_error(user, "missing")


def readable(text: str, keep: str = "") -> str:
    """
    Return the text with a mark for each character that a page cannot show.
    """
    return "".join(
        "\ufffd" if _is_unwritable(character) and character not in keep else character
        for character in text
    )


def _is_unwritable(character: str) -> bool:
    return unicodedata.category(character) in _UNWRITABLE


def _user_error(user: str, when_missing: str) -> str:
    user = user.strip()
    if not user:
        return when_missing
    if len(user) > USER_ID_MAX_CHARACTERS:
        return _too_long("user id", USER_ID_MAX_CHARACTERS, user)
    if any(map(_is_unwritable, user)):
        return "A user id has no control characters, this one has."
    return ""


def _text_error(text: str) -> str:
    text = text.strip()
    if not text:
        return "Write the message."
    if len(text) > TEXT_MAX_CHARACTERS:
        return _too_long("message", TEXT_MAX_CHARACTERS, text)
    return ""


def _too_long(what: str, limit: int, value: str) -> str:
    return f"A {what} has at most {limit:,} characters, this one has {len(value):,}."
