"""
Every event and topic that the protocol keeps for itself.

The server has the same list in `notifier/protocol/events.py`.
"""

from __future__ import annotations

from typing import Final

PHX_JOIN: Final = "phx_join"
PHX_LEAVE: Final = "phx_leave"
PHX_REPLY: Final = "phx_reply"
PHX_CLOSE: Final = "phx_close"
PHX_ERROR: Final = "phx_error"
HEARTBEAT: Final = "heartbeat"
PRESENCE_STATE: Final = "presence_state"
PRESENCE_DIFF: Final = "presence_diff"

PHOENIX_TOPIC: Final = "phoenix"
"""The topic of heartbeats and of what follows; no channel is joined on it."""

# Between a resumable session and its WebSocket. These three are not counted.
PROBE: Final = "probe"
ACK: Final = "ack"
RESUMED: Final = "resumed"
CONTROL: Final = frozenset({PROBE, ACK, RESUMED})
