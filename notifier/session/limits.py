"""
Every bound of a session: name, default, unit, and what happens at it.
"""

from __future__ import annotations

from typing import Any

from attrs import field, frozen
from attrs.validators import ge


def _limit(default: int, doc: str, *, least: int = 1) -> Any:
    return field(default=default, validator=ge(least), metadata={"doc": doc})


@frozen(kw_only=True)
class Limits:
    """
    The bounds that one session keeps. Every one can be set in the config.
    """

    max_message_bytes: int = _limit(
        8_000_000,
        "bytes of one WebSocket message or one POST body; "
        "over it the WebSocket closes with 1009, the POST is answered 413",
    )
    max_batch_lines: int = _limit(
        1_000, "messages in one POST; over it the whole batch is refused with 400"
    )
    max_channels: int = _limit(
        100, "channels joined in one session; a further join gets an error reply"
    )
    max_channel_messages: int = _limit(
        1_000, "messages waiting for one channel; a further one gets an error reply"
    )
    max_channel_presences: int = _limit(
        100, "metas that one channel tracks; to track a further one raises ValueError"
    )
    max_mailbox_messages: int = _limit(
        2_000, "messages waiting for one client; over it the session ends as slow_consumer"
    )
    max_mailbox_bytes: int = _limit(
        8_000_000, "bytes waiting for one client; over it the session ends as slow_consumer"
    )
    max_answer_bytes: int = _limit(
        65_536, "bytes of messages in one poll answer, or one message; the rest waits"
    )
    max_sessions: int = _limit(
        100_000, "sessions on this server; a further connect is refused with 403"
    )
    max_sessions_per_user: int = _limit(
        0,
        "sessions with one socket id, 0 for no limit; a further connect is refused, "
        "unless one that survives is detached: that is closed for it",
        least=0,
    )
    window_ms: int = _limit(
        10_000, "milliseconds a poll waits for a message before it is answered 204"
    )
    resume_window_ms: int = _limit(
        60_000,
        "milliseconds a resumable session lives with neither a request nor a WebSocket; "
        "then it ends as detached_too_long",
    )
    idle_timeout_ms: int = _limit(
        60_000, "milliseconds without a frame from a WebSocket client until it is closed"
    )
    ping_interval_ms: int = _limit(
        20_000, "milliseconds between the server's pings on a WebSocket, 0 for none", least=0
    )
    presence_window_ms: int = _limit(
        50,
        "milliseconds after a presence_diff in which changes wait, to go out as one diff; "
        "noticed up to 100 ms late",
    )
    channel_stop_timeout_ms: int = _limit(
        5_000, "milliseconds a leaving channel may finish its work before it is cancelled"
    )
