"""
Which path is served by which transport, for every door.
"""

from __future__ import annotations

from notifier.transports.longpoll import LongPoll
from notifier.transports.mount import Mount
from notifier.transports.websocket import WebSocket


def socket_paths(path: str, mount: Mount) -> dict[str, LongPoll | WebSocket]:
    """
    Give the transports of a mount by their paths, with and without a slash.
    """
    longpoll, websocket = LongPoll(mount), WebSocket(mount)
    return {
        f"{path}/{name}{slash}": transport
        for name, transport in (("longpoll", longpoll), ("websocket", websocket))
        for slash in ("", "/")
    }
