"""
Live notices that arrive on any network, over the Phoenix Channels protocol.
"""

from __future__ import annotations

from notifier.app import Notifier, setup
from notifier.channels import (
    Channel,
    ConnectInfo,
    Endpoint,
    Error,
    Ok,
    Socket,
    handle_in,
    handle_out,
)
from notifier.engine import Receipt, Retention, SqliteEngine
from notifier.errors import EngineError
from notifier.notices import UserSocket
from notifier.session import Claims, JwtRules, Limits, User

__all__ = [
    "Channel",
    "Claims",
    "ConnectInfo",
    "Endpoint",
    "EngineError",
    "Error",
    "JwtRules",
    "Limits",
    "Notifier",
    "Ok",
    "Receipt",
    "Retention",
    "Socket",
    "SqliteEngine",
    "User",
    "UserSocket",
    "handle_in",
    "handle_out",
    "setup",
]
