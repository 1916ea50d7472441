"""
The front's WebSocket: one connection after its handshake.

A thin shell: framing is `framing.py`, meaning is `websocket.Connection`.
Writing stops while the socket takes no more; the rest waits in the mailbox.
"""

from __future__ import annotations

import asyncio
from typing import Final

from attrs import define, field

from notifier.channels import SocketServer
from notifier.protocol.framing import (
    PING,
    PONG,
    Close,
    Data,
    FrameReader,
    Ping,
    accept_key,
    close_bytes,
    frame_bytes,
)
from notifier.transports.base import Request
from notifier.transports.websocket import CLOSE_TIMEOUT_S, Connection, close_reason

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
    server: SocketServer
    open_ones: set[WebSocketProtocol]
    _reader: FrameReader = field(init=False)
    _connection: Connection = field(init=False)
    _is_paused: bool = field(init=False, default=False)
    _is_closing: bool = field(init=False, default=False)

    def __repr__(self) -> str:
        return f"<WebSocketProtocol {self.server!r}>"

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
        self._reader = FrameReader(self.server.session.limits.max_message_bytes)
        self._connection = Connection(self.server, self._write)
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
                    self._connection.receive_text(text)
                case Data(bytes() as payload):
                    self._connection.receive_binary(payload)
                case Ping(payload):
                    self._connection.receive_control()
                    self._write_pong(payload)
                case Close():
                    self._receive_close(event)
                case _:
                    self._connection.receive_control()

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
        End the session with its connection.
        """
        self._is_closing = True
        self.open_ones.discard(self)
        self._connection.closed()

    # --- within

    def _write(self) -> None:
        """
        Write what waits, while the socket takes it; called by the connection.
        """
        if self._is_closing:
            return
        connection, mailbox = self._connection, self._connection.mailbox
        while not self._is_paused and (frames := mailbox.take(WRITE_BUFFER_BYTES)):
            if len(frames) == 1:
                self.transport.write(frames[0].websocket)
            else:
                self.transport.write(b"".join([frame.websocket for frame in frames]))
        if connection.is_ping_due and not self._is_paused:
            connection.is_ping_due = False
            self.transport.write(frame_bytes(PING, b""))
        if mailbox.end is not None:
            self._close(mailbox.end.close_code, close_reason(mailbox.end))

    def _write_pong(self, payload: bytes) -> None:
        if not self._is_closing and not self._is_paused:
            self.transport.write(frame_bytes(PONG, payload))

    def _receive_close(self, close: Close) -> None:
        if close.is_error:
            self._close(close.code, close.reason.encode())
            self.transport.write_eof()
            return
        if not self._is_closing:
            self._is_closing = True
            self.transport.write(close_bytes(NORMAL))
        self.transport.close()

    def _close(self, code: int, reason: bytes = b"") -> None:
        """
        Say goodbye once; a peer that does not answer is cut.
        """
        if self._is_closing:
            return
        self._is_closing = True
        self.transport.write(close_bytes(code, reason))
        self._connection.closed()
        asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self.transport.abort)
