"""
WebSocket framing, server side: bytes in, events out. RFC 6455, no I/O.

The rules of this file:

- `receive` takes bytes in any pieces and returns what is complete by them.
- A mistake of the peer is the last event: a `Close` with its code and
  `is_error`. What comes after a Close is not read.
- Text is checked as it arrives: bad UTF-8 fails before its message is whole.
- Extensions are never agreed on, so a reserved bit is a mistake.
"""

from __future__ import annotations

import codecs
import hashlib
from base64 import b64encode
from enum import Enum, auto
from typing import Final

from attrs import define, field, frozen

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_OPCODES: Final = frozenset((CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))
_CONTROL: Final = 0x8
_FIN: Final = 0x80
_RESERVED: Final = 0x70
_MASKED: Final = 0x80
MAX_CONTROL_BYTES: Final = 125
MAX_PARTS: Final = 100_000
"""Pieces in which one message may come: fragments, and what the network makes of them."""

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

PROTOCOL_ERROR, INVALID_DATA, TOO_BIG = 1002, 1007, 1009
NO_CODE: Final = 1005
"""What a close without a code counts as; it never stands in a frame (7.4.1)."""


@frozen
class Data:
    """
    A whole message: `str` for text, `bytes` for binary.
    """

    payload: str | bytes = field(repr=lambda payload: f"<{len(payload)}>")


@frozen
class Ping:
    """
    A ping, to be answered with a pong of the same payload.
    """

    payload: bytes


@frozen
class Pong:
    """
    A pong, asked for or not.
    """


@frozen
class Close:
    """
    The peer's close, or, if `is_error`, the code to close with.
    """

    code: int
    reason: str = ""
    is_error: bool = False


Event = Data | Ping | Pong | Close


class _State(Enum):
    """
    What the parser reads next.
    """

    HEAD = auto()
    PAYLOAD = auto()
    CLOSED = auto()  # after a Close, the peer's or of an error


class _Mistake(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


_Utf8 = codecs.getincrementaldecoder("utf-8")


@define(eq=False, repr=False)
class FrameReader:
    """
    Reads the frames of one client. `max_bytes` bounds one whole message.
    """

    max_bytes: int
    _buffer: bytearray = field(init=False, factory=bytearray)
    _state: _State = field(init=False, default=_State.HEAD)
    _opcode: int = field(init=False, default=0)
    _is_final: bool = field(init=False, default=False)
    _left: int = field(init=False, default=0)
    _mask: bytes = field(init=False, default=b"")
    _control: bytes = field(init=False, default=b"")
    _message_opcode: int = field(init=False, default=0)
    _message_bytes: int = field(init=False, default=0)
    _parts: list[str | bytes] = field(init=False, factory=list)
    _decoder: codecs.IncrementalDecoder | None = field(init=False, default=None)

    def __repr__(self) -> str:
        return f"<FrameReader {self._state.name} {len(self._buffer)} bytes>"

    def receive(self, data: bytes) -> list[Event]:
        """
        Read what came; return the events that it completes, in order.
        """
        events: list[Event] = []
        self._buffer += data
        try:
            while self._state is not _State.CLOSED and self._step(events):
                pass
        except _Mistake as mistake:
            events.append(Close(mistake.code, mistake.reason, is_error=True))
            self._state = _State.CLOSED
        if self._state is _State.CLOSED:
            self._buffer.clear()
        return events

    def _step(self, events: list[Event]) -> bool:
        """
        Read a head or some payload; False where more bytes are needed.
        """
        if self._state is _State.HEAD and not self._read_head():
            return False
        take = min(self._left, len(self._buffer))
        payload = self._unmask(take)
        self._left -= take
        if self._opcode & _CONTROL:
            self._control += payload
        else:
            self._add(payload, is_end=self._is_final and not self._left)
        if self._left:
            return False
        self._state = _State.HEAD
        if self._opcode & _CONTROL:
            events.append(self._take_control())
        elif self._is_final:
            events.append(self._take_message())
        return bool(self._buffer)

    # --- heads

    def _read_head(self) -> bool:
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        size, start = buffer[1] & 0x7F, 2
        self._check_head(buffer[0], buffer[1])
        if size > MAX_CONTROL_BYTES:
            start = 4 if size == 126 else 10
            if len(buffer) < start:
                return False
            size = self._read_size(int.from_bytes(buffer[2:start]), shortest=start == 4)
        self._check_room(buffer[0] & 0x0F, size)
        if len(buffer) < start + 4:
            return False
        self._begin(buffer[0], size, bytes(buffer[start : start + 4]))
        del buffer[: start + 4]
        return True

    def _check_head(self, first: int, second: int) -> None:
        opcode = first & 0x0F
        if first & _RESERVED:
            raise _Mistake(PROTOCOL_ERROR, "a reserved bit is set")
        if opcode not in _OPCODES:
            raise _Mistake(PROTOCOL_ERROR, f"opcode {opcode} is reserved")
        if not second & _MASKED:
            raise _Mistake(PROTOCOL_ERROR, "a client's frames must be masked")
        if opcode & _CONTROL:
            if not first & _FIN:
                raise _Mistake(PROTOCOL_ERROR, "a control frame is fragmented")
            if second & 0x7F > MAX_CONTROL_BYTES:
                raise _Mistake(PROTOCOL_ERROR, "a control frame is over 125 bytes")
        elif opcode == CONTINUATION and not self._message_opcode:
            raise _Mistake(PROTOCOL_ERROR, "a continuation continues nothing")
        elif opcode != CONTINUATION and self._message_opcode:
            raise _Mistake(PROTOCOL_ERROR, "a new message begins within another")

    @staticmethod
    def _read_size(size: int, *, shortest: bool) -> int:
        if size <= (MAX_CONTROL_BYTES if shortest else 0xFFFF) or size >> 63:
            raise _Mistake(PROTOCOL_ERROR, "a length is not in its shortest form")
        return size

    def _check_room(self, opcode: int, size: int) -> None:
        if not opcode & _CONTROL and self._message_bytes + size > self.max_bytes:
            raise _Mistake(TOO_BIG, f"expected at most {self.max_bytes} bytes in a message")

    def _begin(self, first: int, size: int, mask: bytes) -> None:
        self._state = _State.PAYLOAD
        self._opcode, self._is_final = first & 0x0F, bool(first & _FIN)
        self._left, self._mask, self._control = size, mask, b""
        if self._opcode in (TEXT, BINARY):
            self._message_opcode = self._opcode
            self._decoder = _Utf8() if self._opcode == TEXT else None

    # --- payloads

    def _unmask(self, size: int) -> bytes:
        """
        Take `size` bytes off the buffer and undo their mask, in C.
        """
        masked, mask = bytes(self._buffer[:size]), self._mask
        del self._buffer[:size]
        turn = size % 4
        self._mask = mask[turn:] + mask[:turn]
        key = (mask * (size // 4 + 1))[:size]
        return (int.from_bytes(masked) ^ int.from_bytes(key)).to_bytes(size)

    def _add(self, payload: bytes, *, is_end: bool) -> None:
        if not payload and not is_end:
            return
        if len(self._parts) >= MAX_PARTS:
            raise _Mistake(TOO_BIG, f"expected at most {MAX_PARTS} pieces of a message")
        self._message_bytes += len(payload)
        if self._decoder is None:
            self._parts.append(payload)
            return
        try:
            self._parts.append(self._decoder.decode(payload, is_end))
        except UnicodeDecodeError:
            raise _Mistake(INVALID_DATA, "text is not UTF-8") from None

    def _take_message(self) -> Data:
        parts, self._parts = self._parts, []
        is_text = self._message_opcode == TEXT
        self._message_opcode = self._message_bytes = 0
        self._decoder = None
        if len(parts) == 1:
            return Data(parts[0])
        return Data("".join(parts) if is_text else b"".join(parts))  # type: ignore[arg-type]  # one kind

    def _take_control(self) -> Event:
        payload = self._control
        if self._opcode == PING:
            return Ping(payload)
        if self._opcode == PONG:
            return Pong()
        self._state = _State.CLOSED
        return _read_close(payload)


def _read_close(payload: bytes) -> Close:
    if not payload:
        return Close(NO_CODE)
    code = int.from_bytes(payload[:2])
    if len(payload) == 1 or not _may_be_sent(code):
        raise _Mistake(PROTOCOL_ERROR, "a close code that may not be sent")
    try:
        return Close(code, payload[2:].decode())
    except UnicodeDecodeError:
        raise _Mistake(INVALID_DATA, "a close reason is not UTF-8") from None


def _may_be_sent(code: int) -> bool:
    """
    RFC 6455, 7.4: registered codes but the three that only stand for something.
    """
    return (1000 <= code <= 1014 and code not in (1004, 1005, 1006)) or 3000 <= code <= 4999


def frame_bytes(opcode: int, payload: bytes) -> bytes:
    """
    Make one whole frame of a server: final, unmasked.
    """
    size = len(payload)
    if size <= MAX_CONTROL_BYTES:
        return bytes((_FIN | opcode, size)) + payload
    if size <= 0xFFFF:
        return bytes((_FIN | opcode, 126)) + size.to_bytes(2) + payload
    return bytes((_FIN | opcode, 127)) + size.to_bytes(8) + payload


def close_bytes(code: int, reason: bytes = b"") -> bytes:
    """
    Make a close frame.
    """
    return frame_bytes(CLOSE, code.to_bytes(2) + reason)


def accept_key(key: str) -> str:
    """
    Answer a `Sec-WebSocket-Key`.
    """
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return b64encode(digest).decode()
