"""
How bytes attach to a session: long-polling, WebSocket, and the doors.
"""

from __future__ import annotations

from notifier.transports.handlers import add_routes
from notifier.transports.mount import Mount
from notifier.transports.origin import OriginCheck
from notifier.transports.peer import TrustedProxies

__all__ = ["Mount", "OriginCheck", "TrustedProxies", "add_routes"]
