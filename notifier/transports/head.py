"""
The head of a request, as the front finds it: bounded, strict, no I/O.

Only what is plainly regular is read here: one of our paths, GET, POST with
Content-Length, or OPTIONS, every line ended by CRLF, no field that changes how
the body is framed. Whatever else comes is not judged but handed to aiohttp
with the bytes as read, so that no request is understood in two ways.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from attrs import define, field, frozen

from notifier.session.tokens import MAX_CURSOR_DIGITS, SESSION_PREFIX

MAX_HEAD_BYTES: Final = 16_384
"""Request line and headers; a longer head is handed to aiohttp, which refuses it."""

MAX_HEADERS: Final = 100

MAX_REMEMBERED_BYTES: Final = 2_048
"""A header block up to this size is kept when it has been read."""

END: Final = b"\r\n\r\n"
_LINE: Final = re.compile(rb"(GET|POST|OPTIONS) (/[!-~]*) HTTP/1\.([01])\r\n", re.ASCII)
_FIELDS: Final = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[ -~\t\x80-\xff]*\r\n)*")
_SESSION_PREFIX: Final = SESSION_PREFIX.encode()
_NUMBERED: Final = b"otifier-"
"""Stands in X-Notifier-Ack and its like, however they are capitalised."""

_LENGTH: Final = re.compile(r"[0-9]{1,15}", re.ASCII)
_HANDS_OVER: Final = frozenset(("transfer-encoding", "expect", "te", "trailer", "http2-settings"))
_SINGLE: Final = frozenset(
    ("content-length", "host", "content-type", "connection", "upgrade", "origin")
)


@define
class Head:
    """
    A request head that the front answers itself; `body_size` is in bytes.
    """

    method: str
    path: str
    query: str = field(repr=lambda query: f"<{len(query)}>")
    headers: Mapping[str, str] = field(repr=lambda headers: f"<{len(headers)}>")
    minor_version: int
    body_size: int
    keeps_alive: bool


class HandOver(Exception):
    """
    The request is not the front's: aiohttp gets its bytes.
    """


def find_end(buffer: bytearray) -> int:
    """
    Find where a head ends, -1 if more bytes are needed.

    Raises HandOver as soon as the head is too long or has a bare line feed.
    """
    end = buffer.find(END, 0, MAX_HEAD_BYTES + len(END))
    if end >= 0:
        return end + len(END)
    if len(buffer) > MAX_HEAD_BYTES or buffer.find(b"\n\n") >= 0:
        raise HandOver
    return -1


def parse_head(head: bytes) -> Head:
    """
    Read a whole head; raise HandOver for any that is not the front's.
    """
    line = _LINE.match(head)
    if line is None:
        raise HandOver
    headers = parse_fields(head[line.end() : -2])
    method, minor = line[1].decode(), int(line[3])
    path, _, query = line[2].decode().partition("?")
    length = headers.get("content-length")
    if (length is None) == (method == "POST") or "#" in query or "#" in path:
        raise HandOver  # a POST has a length, nothing else has one
    if length is not None and not _LENGTH.fullmatch(length):
        raise HandOver
    if minor == 1 and "host" not in headers:
        raise HandOver
    connection = headers.get("connection", "").lower()
    keeps = "close" not in connection if minor else "keep-alive" in connection
    return Head(method, path, query, headers, minor, int(length or 0), keeps)


def parse_fields(block: bytes) -> Mapping[str, str]:
    """
    Read the header fields. Clients repeat theirs: a short block is read once,
    but for one with a session token or its numbers, which nobody else sends.
    """
    is_repeated = (
        len(block) <= MAX_REMEMBERED_BYTES
        and _SESSION_PREFIX not in block
        and _NUMBERED not in block
    )
    return _remembered(block) if is_repeated else _parse_fields(block)


def _parse_fields(block: bytes) -> Mapping[str, str]:
    if _FIELDS.fullmatch(block) is None or block.count(b"\r\n") > MAX_HEADERS:
        raise HandOver
    headers: dict[str, str] = {}
    for line in block.decode("utf-8", "surrogateescape").split("\r\n")[:-1]:
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip(" \t")
        if name in _HANDS_OVER or (name in headers and name in _SINGLE):
            raise HandOver
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return MappingProxyType(headers)


_remembered: Final = lru_cache(maxsize=1024)(_parse_fields)


@frozen
class Repeated:
    """
    A request whose next of its kind differs in one number alone: a poll, whose
    cursor moves on. Seen again, its head need not be read again.
    """

    before: bytes = field(repr=lambda before: f"<{len(before)} bytes>")
    after: bytes = field(repr=lambda after: f"<{len(after)} bytes>")

    @classmethod
    def of(cls, head: bytes, signed: bytes) -> Repeated | None:
        """
        Take a head apart round the cursor that follows a session token's
        signed part; None if that stands in it more than once, or escaped.
        """
        before, found, rest = head.partition(signed + b".")
        after = rest.lstrip(b"0123456789")
        if not found or found in after:
            return None
        return cls(before + found, after)

    def number_in(self, data: bytes) -> int | None:
        """
        Give the number if `data` is this request once more, and nothing else.
        """
        before, after = self.before, self.after
        if data.startswith(before) and data.endswith(after):
            number = data[len(before) : len(data) - len(after)]
            if number.isdigit() and len(number) <= MAX_CURSOR_DIGITS:
                return int(number)
        return None
