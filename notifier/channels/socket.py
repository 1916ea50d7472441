"""
What an application author writes for a connection: a `Socket`.

    class ChatSocket(Socket):
        channels = {"room:*": Room}

        async def connect(self, params, info):
            if "name" not in params:
                return Error("name_missing")
            self.assigns["name"] = params["name"]
"""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import field, frozen

from notifier.channels.replies import Result
from notifier.protocol.reasons import NOT_YOURS

if TYPE_CHECKING:
    from notifier.channels.channel import Channel
    from notifier.channels.endpoint import Endpoint


@frozen
class ConnectInfo:
    """
    How a client connects.

    `token` is the user token from wherever it came: the query, a header or the
    WebSocket sub-protocol. `peer` is the client's address (behind
    `trusted_proxies` the forwarded one). Header names are in lower case.
    """

    transport: str
    peer: str
    token: str | None = field(repr=lambda token: "None" if token is None else "<token>")
    headers: Mapping[str, str] = field(repr=lambda headers: f"<{len(headers)} headers>")


class Socket:
    """
    One client's connection, whatever transport carries it.

    `assigns` is copied into every channel of this client. `id`, if set in
    `connect`, names the client for `Endpoint.disconnect`. `opened_with` is the
    user token that a resumable session was opened with.
    """

    channels: ClassVar[Mapping[str, type[Channel]]] = {}
    opened_with: str | None = None

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.assigns: dict[str, Any] = {}
        self.id: str | None = None

    async def connect(self, params: Mapping[str, str], info: ConnectInfo) -> Result:
        """
        Accept (None or Ok) or refuse (Error) a client.

        `params` are the query's, the user token as `token` among them.
        `Error("reason")` goes to the client as it is.
        """
        return None

    async def resume(self, info: ConnectInfo) -> Result:
        """
        Let whoever brings `info` have this session (None or Ok), or refuse (Error).

        Asked when a WebSocket attaches, since the session token may have been
        read over a shoulder. By default the user token must be the same, if one
        opened the session; where tokens are renewed, look at whose it is, and
        not at its age.
        """
        ours, theirs = self.opened_with, info.token or ""
        if ours is not None and not compare_digest(ours.encode(), theirs.encode()):
            raise NOT_YOURS.refusal()
        return None
