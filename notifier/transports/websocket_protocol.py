"""
The front's WebSocket: one connection after its handshake.

A thin shell: framing is `framing.py`, meaning is a `Connection`.
Writing stops while the socket takes no more; the rest waits in the mailbox.
"""

from __future__ import annotations

import asyncio
from typing import Final

from attrs import define, field

from notifier.protocol.framing import (
    PING,
    PONG,
    TOO_BIG,
    Close,
    Data,
    FrameReader,
    Ping,
    accept_key,
    close_bytes,
    frame_bytes,
)
from notifier.transports.base import Request
from notifier.transports.connection import Connection
from notifier.transports.websocket import CLOSE_TIMEOUT_S, close_reason

WRITE_BUFFER_BYTES: Final = 65_536
"""So much may wait in the socket's write buffer before the mailbox keeps the rest."""

NORMAL: Final = 1000


@define(eq=False, repr=False)
class WebSocketProtocol(asyncio.Protocol):
    """
    Carries frames between one socket and its connection.

    It stands in `open_ones` for as long as the socket is open.
    """

    transport: asyncio.Transport
    connection: Connection
    open_ones: set[WebSocketProtocol]
    _reader: FrameReader = field(init=False)
    _is_paused: bool = field(init=False, default=False)
    _is_closing: bool = field(init=False, default=False)

    def __repr__(self) -> str:
        return f"<WebSocketProtocol {self.connection!r}>"

    def begin(self, request: Request, subprotocol: str | None, date: bytes, data: bytes) -> None:
        """
        Answer the handshake, and read what came with it.
        """
        chosen = f"sec-websocket-protocol: {subprotocol}\r\n" if subprotocol else ""
        accept = accept_key(request.headers["sec-websocket-key"])
        self.transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
            + date
            + f"sec-websocket-accept: {accept}\r\n{chosen}\r\n".encode()
        )
        self.open_ones.add(self)
        self._reader = FrameReader(self.connection.limits.max_message_bytes)
        self.connection.begin(self._write)
        if data:
            self.data_received(data)
        self._write()

    # --- asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        """
        Handle the frames that are complete by what came.
        """
        for event in self._reader.receive(data):
            match event:
                case Data(str() as text):
                    self.connection.receive_text(text)
                case Data(bytes() as payload):
                    self.connection.receive_binary(payload)
                case Ping(payload):
                    self.connection.receive_control()
                    self._write_pong(payload)
                case Close():
                    self._receive_close(event)
                case _:
                    self.connection.receive_control()

    def pause_writing(self) -> None:
        """
        Leave what comes in the mailbox.
        """
        self._is_paused = True

    def resume_writing(self) -> None:
        """
        Write on.
        """
        self._is_paused = False
        self._write()

    def connection_lost(self, exc: Exception | None) -> None:
        """
        Tell the connection that it is gone.
        """
        self._is_closing = True
        self.open_ones.discard(self)
        self.connection.closed()

    # --- within

    def _write(self) -> None:
        """
        Write what waits, while the socket takes it; called by the connection.
        """
        if self._is_closing:
            return
        connection, outbox = self.connection, self.connection.outbox
        while not self._is_paused and (frames := outbox.take(WRITE_BUFFER_BYTES)):
            if len(frames) == 1:
                self.transport.write(frames[0].websocket)
            else:
                self.transport.write(b"".join([frame.websocket for frame in frames]))
        if connection.is_ping_due and not self._is_paused:
            connection.is_ping_due = False
            self.transport.write(frame_bytes(PING, b""))
        end = outbox.end
        if end is not None:
            self._close(end.close_code, close_reason(end))

    def _write_pong(self, payload: bytes) -> None:
        if not self._is_closing and not self._is_paused:
            self.transport.write(frame_bytes(PONG, payload))

    def _receive_close(self, close: Close) -> None:
        if close.is_error:
            if close.code == TOO_BIG:
                self.connection.receive_too_large()
            self._close(close.code, close.reason.encode())
            self.transport.write_eof()
            return
        if not self._is_closing:
            self._is_closing = True
            self.transport.write(close_bytes(NORMAL))
        self.connection.closed(close.code)
        self.transport.close()

    def _close(self, code: int, reason: bytes = b"") -> None:
        """
        Say goodbye once; a peer that does not answer is cut.
        """
        if self._is_closing:
            return
        self._is_closing = True
        self.transport.write(close_bytes(code, reason))
        self.connection.closed()
        asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self.transport.abort)
