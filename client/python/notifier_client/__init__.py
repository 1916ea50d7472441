"""
A Phoenix Channels client for asyncio, whose session survives a bad network.
"""

from __future__ import annotations

from notifier_client.channel import Channel
from notifier_client.errors import (
    ChannelClosed,
    ConnectionRefused,
    ErrorReply,
    JoinRefused,
    MailboxFull,
    NotifierClientError,
    ProtocolError,
    ReplyTimeout,
    SessionLost,
    SocketClosed,
    TokenFailed,
    Unreachable,
)
from notifier_client.message import Message
from notifier_client.presence import Change, Presence
from notifier_client.seat import Joined
from notifier_client.socket import Socket, connect

__all__ = [
    "Change",
    "Channel",
    "ChannelClosed",
    "ConnectionRefused",
    "ErrorReply",
    "JoinRefused",
    "Joined",
    "MailboxFull",
    "Message",
    "NotifierClientError",
    "Presence",
    "ProtocolError",
    "ReplyTimeout",
    "SessionLost",
    "Socket",
    "SocketClosed",
    "TokenFailed",
    "Unreachable",
    "connect",
]
