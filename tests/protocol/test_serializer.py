"""
The checks that both versions share: what is JSON, and what a field may be.
"""

from __future__ import annotations

from typing import Any

import pytest

from notifier.errors import ProtocolError
from notifier.protocol.message import Ref
from notifier.protocol.serializer import check_fields, load_json

NOT_JSON = {
    "empty": "",
    "blank": "  ",
    "cut": '["1","2"',
    "two values": "[] []",
    "trailing comma": "[1,]",
    "NaN": "[NaN]",
    "Infinity": "[Infinity]",
    "beyond doubles": "[1e999]",
    "single quotes": "['a']",
    "raw newline in a string": '["a\n"]',
    "half an escaped pair": r'["\ud800"]',
    "half a raw pair": '["\ud800"]',
    "byte order mark": "\ufeff[]",
    "bad UTF-8": b'["\xff"]',
    "nested without end": "[" * 100_000,
    "nested too deep": "[" * 1_100 + "]" * 1_100,
}


@pytest.mark.parametrize("data", NOT_JSON.values(), ids=NOT_JSON)
def test_load_json_refuses_what_is_not_json(data: str | bytes) -> None:
    """
    Whatever is wrong with a text, the answer is a ProtocolError and nothing else.
    """
    with pytest.raises(ProtocolError, match="expected JSON, got a mistake at character"):
        load_json(data)


def test_load_json_tells_where_the_mistake_is_and_not_what() -> None:
    """
    The error names the place, and repeats nothing of what the peer sent.
    """
    with pytest.raises(ProtocolError) as caught:
        load_json('["secret", secret]')
    assert str(caught.value) == "expected JSON, got a mistake at character 11"


@pytest.mark.parametrize("data", ['["é"]', '["é"]'.encode()], ids=["str", "bytes"])
def test_load_json_reads_text_and_utf8(data: str | bytes) -> None:
    """
    WebSocket text comes as `str`, a POST's lines as bytes.
    """
    assert load_json(data) == ["é"]


@pytest.mark.parametrize("ref", ["7", "", 7, -1, 0, 1.5, None], ids=repr)
def test_check_fields_lets_through_what_a_ref_may_be(ref: Ref) -> None:
    """
    Strings, numbers and null pass for refs, unchanged and with their type.
    """
    checked = check_fields(ref, ref, "t", "e")
    assert [(type(one), one) for one in checked[:2]] == [(type(ref), ref)] * 2


BAD_FIELDS: list[tuple[list[Any], str]] = [
    ([True, "2", "t", "e"], "join_ref to be a string, a number or null, got true"),
    ([["1"], "2", "t", "e"], "join_ref to be a string, a number or null, got a list of 1"),
    (["1", False, "t", "e"], "ref to be a string, a number or null, got false"),
    (["1", {}, "t", "e"], "ref to be a string, a number or null, got an object with 0 keys"),
    (["1", "2", None, "e"], "topic to be a string, got null"),
    (["1", "2", 3, "e"], "topic to be a string, got a number"),
    (["1", "2", "t", None], "event to be a string, got null"),
    (["1", "2", "t", b"e"], "event to be a string, got 1 bytes"),
]


@pytest.mark.parametrize(("fields", "text"), BAD_FIELDS)
def test_check_fields_names_the_bad_one(fields: list[Any], text: str) -> None:
    """
    The error says which field is wrong, what it may be and what kind came.
    """
    with pytest.raises(ProtocolError) as caught:
        check_fields(*fields)
    assert str(caught.value) == f"expected {text}"
