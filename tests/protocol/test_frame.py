"""
A frame gives each transport its form, made once.
"""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.protocol import Frame

TEXT = '["1",null,"tópico\\n","e",{"a":"\\"\u2028😀"}]'


def text_frame(text: str = TEXT) -> Frame:
    data = text.encode()
    return Frame(data, data)


def test_len_counts_the_bytes_that_wait() -> None:
    """
    The length is that of the data, in bytes and not in characters.
    """
    assert len(Frame("é".encode(), b"readable")) == 2


@given(st.text())
def test_quoted_is_the_text_as_one_json_string(text: str) -> None:
    """
    Whatever the text is, a poll's client reads the very same out of its string.
    """
    assert orjson.loads(text_frame(text).quoted) == text


def test_quoted_is_of_the_text_when_the_data_is_binary() -> None:
    """
    A poll answer holds what can be read, whatever the binary form is.
    """
    frame = Frame(b"\x00\xff", b'["readable"]', binary=True)
    assert orjson.loads(frame.quoted) == '["readable"]'


@pytest.mark.parametrize(
    ("binary", "head"), [(False, b"\x81\x03"), (True, b"\x82\x03")], ids=["text", "binary"]
)
def test_websocket_is_one_whole_frame_of_the_data(binary: bool, head: bytes) -> None:
    """
    The data goes out unmasked in one final frame, text or binary as it is.
    """
    assert Frame(b"abc", b"readable", binary=binary).websocket == head + b"abc"


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_websocket_tells_the_size_in_the_shortest_form(size: int, head: bytes) -> None:
    """
    The length stands in one, three or nine bytes, as RFC 6455 wants it (5.2).
    """
    assert Frame(b"x" * size, b"").websocket == head + b"x" * size


def test_line_is_base64_where_the_data_is_binary() -> None:
    """
    As lines go the other way; text is as in any answer.
    """
    assert orjson.loads(Frame(b"\0\xff", b"[]", binary=True).line) == "AP8="
    assert text_frame().line == text_frame().quoted


@pytest.mark.parametrize("form", ["quoted", "line", "websocket"])
def test_form_is_made_once(form: str) -> None:
    """
    Every mailbox that holds the frame is given the same bytes, not a copy.
    """
    for frame in (text_frame(), Frame(b"data", b"text", binary=True)):
        assert getattr(frame, form) is getattr(frame, form)


def test_repr_does_not_show_the_data() -> None:
    """
    A frame in a log line gives no message away, whichever forms were made.
    """
    frame = Frame(b"secret", b"secret")
    assert frame.quoted
    assert frame.websocket
    assert "secret" not in repr(frame)
