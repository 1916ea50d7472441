"""
Logged publications as text.
"""

from __future__ import annotations

import pytest

from engine.actors import TOPIC
from notifier.engine import Publication
from notifier.engine.bodies import check_text, decode, encode

PUBLICATION = Publication(TOPIC, "new_msg", {"a": [1, None, "é\0"]}, "0-0", "c1")


def test_decode_makes_what_was_encoded() -> None:
    """
    Without its topic, which is the log's.
    """
    assert encode(PUBLICATION) == '["0-0","new_msg",{"a":[1,null,"é\\u0000"]},"c1"]'.encode()
    assert decode(TOPIC, encode(PUBLICATION)) == PUBLICATION
    assert decode(TOPIC, encode(PUBLICATION).decode()) == PUBLICATION


def test_encode_raises_when_it_is_no_json() -> None:
    """
    An author's mistake.
    """
    with pytest.raises(TypeError, match="not JSON serializable"):
        encode(Publication(TOPIC, "e", {"body": object()}, "0-0"))


def test_check_text_tells_which_is_none() -> None:
    """
    Half of a surrogate pair comes from a program, never from a client.
    """
    check_text(topic="room:é😀", since="")
    with pytest.raises(ValueError, match=r"^since: expected text, got half of a surrogate pair$"):
        check_text(topic="room:a", since="\ud800")
