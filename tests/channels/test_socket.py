"""
What an application author writes for a connection.
"""

from __future__ import annotations

import pytest

from notifier import ConnectInfo, Socket
from notifier.errors import ConnectionRefused


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


@pytest.mark.parametrize(
    ("opened_with", "brought", "is_let_in"),
    [
        (None, None, True),
        (None, "any", True),
        ("mine", "mine", True),
        ("mine", "yours", False),
        ("mine", None, False),
        ("", None, True),
    ],
)
async def test_socket_is_resumed_with_the_token_that_opened_it(
    opened_with: str | None, brought: str | None, is_let_in: bool
) -> None:
    """
    By default; where none opened it, the session token is enough.
    """
    socket = Socket(None)  # type: ignore[arg-type]  # it only keeps it
    socket.opened_with = opened_with
    info = ConnectInfo("websocket", "127.0.0.1", brought, {})
    if is_let_in:
        assert await socket.resume(info) is None
        return
    with pytest.raises(ConnectionRefused) as refused:
        await socket.resume(info)
    assert refused.value.code == "not_yours"
