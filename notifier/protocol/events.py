"""
Every event and topic that the protocol keeps for itself.

Phoenix: `assets/js/phoenix/constants.js`, `lib/phoenix/socket.ex`.
"""

from __future__ import annotations

from typing import Final

PHX_JOIN: Final = "phx_join"
PHX_LEAVE: Final = "phx_leave"
PHX_REPLY: Final = "phx_reply"
PHX_CLOSE: Final = "phx_close"
PHX_ERROR: Final = "phx_error"
HEARTBEAT: Final = "heartbeat"
DISCONNECT: Final = "disconnect"
"""Broadcast on a socket's id, it ends every session with that id."""

PRESENCE_DIFF: Final = "presence_diff"
"""Who has come to a topic and who has gone; its counterpart is the author's to push."""

PHOENIX_TOPIC: Final = "phoenix"
"""The topic of heartbeats; no channel is ever joined on it."""

# Ours, on the phoenix topic of a resumable session's WebSocket; see docs/protocol.md.
PROBE: Final = "probe"
ACK: Final = "ack"
RESUMED: Final = "resumed"
CONTROL_EVENTS: Final = frozenset((PROBE, ACK, RESUMED))
"""Frames that are not counted."""
