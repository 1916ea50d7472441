"""
How bytes attach to a session: long-polling, WebSocket, and the two doors.
"""

from __future__ import annotations

from notifier.transports.front import Front
from notifier.transports.front_protocol import KEEP_ALIVE_S
from notifier.transports.handlers import add_routes
from notifier.transports.mount import Mount
from notifier.transports.origin import OriginCheck
from notifier.transports.paths import socket_paths
from notifier.transports.peer import TrustedProxies

__all__ = [
    "KEEP_ALIVE_S",
    "Front",
    "Mount",
    "OriginCheck",
    "TrustedProxies",
    "add_routes",
    "socket_paths",
]
