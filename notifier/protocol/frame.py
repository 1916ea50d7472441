"""
An encoded message, shared by every mailbox that holds it.
"""

from __future__ import annotations

from base64 import b64encode

from attrs import define, field

from notifier.protocol.framing import BINARY, TEXT, frame_bytes
from notifier.protocol.json_text import dump


@define(eq=False)
class Frame:
    """
    One encoded message, as each transport wants it.

    A broadcast is encoded once for each serializer and the same frame stands
    in every mailbox, so each further form is made once, on first need.

    `data` is UTF-8 JSON, or the V2 binary form where `binary` is true;
    `text` is what a client reads that can take text only.
    """

    data: bytes = field(repr=False)
    text: bytes = field(repr=False)
    binary: bool = False
    _quoted: bytes | None = field(default=None, init=False, repr=False)
    _line: bytes | None = field(default=None, init=False, repr=False)
    _websocket: bytes | None = field(default=None, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.data)

    @property
    def quoted(self) -> bytes:
        """
        The text as one JSON string, ready for the `messages` of a poll answer.
        """
        if self._quoted is None:
            self._quoted = dump(self.text.decode())
        return self._quoted

    @property
    def line(self) -> bytes:
        """
        The same for a client that reads binary: base64, as its own lines have it.
        """
        if not self.binary:
            return self.quoted
        if self._line is None:
            self._line = b'"%b"' % b64encode(self.data)
        return self._line

    @property
    def websocket(self) -> bytes:
        """
        The whole WebSocket frame, ready to be written.
        """
        if self._websocket is None:
            self._websocket = frame_bytes(BINARY if self.binary else TEXT, self.data)
        return self._websocket
