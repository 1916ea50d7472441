"""
Texts that somebody typed, or that somebody may have to read in a page.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from notifier.session.claims import MAX_USER_ID_CHARACTERS

# Control characters, which browsers change on the way; halves of a character, which have no UTF-8.
_UNWRITABLE: Final = ("Cc", "Cs")


def one_line_end(text: str) -> str:
    """
    Return a text with `\\n` for every line end: browsers send two characters for it.
    """
    return text.replace("\r\n", "\n").replace("\r", "\n")


def can_be_typed(user: str) -> bool:
    """
    Return whether a user's id goes through a form as it is.
    """
    is_whole = user == user.strip() and not any(map(_is_unwritable, user))
    return is_whole and 1 <= len(user) <= MAX_USER_ID_CHARACTERS


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
