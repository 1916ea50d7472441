"""
Which path is served by which transport.
"""

from __future__ import annotations

from notifier.transports.longpoll import LongPoll
from notifier.transports.paths import socket_paths
from notifier.transports.websocket import WebSocket
from transports.world import World


def test_each_transport_has_its_path_with_and_without_slash(world: World) -> None:
    """
    Both spellings are one place: the same transport, the same mount.
    """
    assert world.server._mount is not None
    paths = socket_paths("/live", world.server._mount)
    assert {path: type(transport) for path, transport in paths.items()} == {
        "/live/longpoll": LongPoll,
        "/live/longpoll/": LongPoll,
        "/live/websocket": WebSocket,
        "/live/websocket/": WebSocket,
    }
    assert paths["/live/longpoll"] is paths["/live/longpoll/"]
    assert len({id(transport.mount) for transport in paths.values()}) == 1
