"""
What an application author writes for a connection.
"""

from __future__ import annotations

from notifier import ConnectInfo, Socket


async def test_socket_lets_everyone_in_by_default() -> None:
    """
    Without a name, and without channels.
    """
    socket = Socket(None)  # type: ignore[arg-type]  # it only keeps it
    assert await socket.connect({}, ConnectInfo("longpoll", "127.0.0.1", None, {})) is None
    assert (socket.id, socket.assigns, socket.channels) == (None, {}, {})


def test_info_shows_no_secret_when_printed() -> None:
    """
    An author may log it.
    """
    info = ConnectInfo("longpoll", "127.0.0.1", "SECRET", {"x-phoenix-authtoken": "SECRET"})
    assert "SECRET" not in repr(info)
    assert "127.0.0.1" in repr(info)
    assert "token=None" in repr(ConnectInfo("longpoll", "127.0.0.1", None, {}))
