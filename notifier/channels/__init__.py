"""
What an application author writes, and the machinery that runs it.
"""

from __future__ import annotations

from notifier.channels.channel import Channel, SocketRef, handle_in, handle_out
from notifier.channels.endpoint import Endpoint
from notifier.channels.replies import Backlog, Error, Ok
from notifier.channels.socket import ConnectInfo, Socket
from notifier.channels.socket_server import SocketServer

__all__ = [
    "Backlog",
    "Channel",
    "ConnectInfo",
    "Endpoint",
    "Error",
    "Ok",
    "Socket",
    "SocketRef",
    "SocketServer",
    "handle_in",
    "handle_out",
]
