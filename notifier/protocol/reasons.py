"""
Every reason that goes over the wire, declared once.

Three kinds: what stands in `{"reason": …}` of an error reply (plain strings,
spelled as Phoenix spells them), why a connect or a request was refused, and
why a session ended. The last two carry a sentence for the person who reads
them with curl, and the close code that a WebSocket gets.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from notifier.errors import ConnectionRefused

# In error replies, phx_error and nowhere else.
UNMATCHED_TOPIC: Final = "unmatched topic"
TOO_MANY_CHANNELS: Final = "too many channels joined"
CHANNEL_BUSY: Final = "channel busy"
JOIN_CRASHED: Final = "join crashed"
CHANNEL_CRASH: Final = "channel_crash"
FORBIDDEN: Final = "forbidden"
UNAUTHORIZED: Final = "unauthorized"
INVALID_PAYLOAD: Final = "invalid payload"
NOT_STORED: Final = "not stored"
NO_INBOX: Final = "no inbox"


@frozen
class Reason:
    """
    Why a request was refused or a session ended: a code word and a sentence.

    `close_code` is what a WebSocket is closed with. phoenix.js up to 1.8.15
    stays away after 1000 and comes back after every other code.
    """

    code: str
    text: str
    close_code: int = 1008

    def refusal(self) -> ConnectionRefused:
        """
        Make the refusal of a connect for this reason, to be raised.
        """
        return ConnectionRefused(self.code, self.text)


# Refused connects: JSON status 403 on long-poll, HTTP 403 on the handshake.
TOKEN_MISSING: Final = Reason(
    "token_missing",
    "no token came with the connect: add token=… to the query; `notifier token USER` prints one",
)
TOKEN_INVALID: Final = Reason(
    "token_invalid", "the token is not one of ours: `notifier token USER` prints a good one"
)
TOKEN_EXPIRED: Final = Reason("token_expired", "the token has expired: get a new one and reconnect")
TOKEN_REVOKED: Final = Reason(
    "token_revoked", "this user's tokens were revoked since: get a new one and reconnect"
)
USER_DISABLED: Final = Reason("user_disabled", "this user may not connect")
USER_UNKNOWN: Final = Reason(
    "user_unknown", "there is no such user here: `notifier user add` makes one"
)
UNSUPPORTED_VSN: Final = Reason(
    "unsupported_vsn", "vsn must be 1.0.x or 2.0.x (1.0.0 where it is missing)"
)
ORIGIN_FORBIDDEN: Final = Reason(
    "origin_forbidden", "the Origin of this page is not in check_origin"
)
CONNECT_REFUSED: Final = Reason("connect_refused", "the application refused this connect")
CONNECT_CRASHED: Final = Reason("connect_crashed", "the application failed while connecting")
TOO_MANY_SESSIONS: Final = Reason("too_many_sessions", "no room for another session")

# Refused requests on a live or dead session.
BAD_MESSAGE: Final = Reason("bad_message", "a message could not be read", close_code=1011)
BATCH_TOO_LONG: Final = Reason("batch_too_long", "too many lines in one batch")
MESSAGE_TOO_LARGE: Final = Reason(
    "message_too_large", "the message is over max_message_bytes", close_code=1009
)

SEQUENCE_GAP: Final = Reason(
    "sequence_gap", "lines before these are missing: send again from received + 1"
)
SEQUENCE_MISSING: Final = Reason(
    "sequence_missing",
    "a POST to a resumable session needs X-Notifier-Seq, the number of its first line",
)
OPEN_KEY_INVALID: Final = Reason(
    "open_key_invalid", "X-Notifier-Open must be 16 to 64 letters, digits, - and _"
)

# Ends of a resumable session's WebSocket, which the session survives.
NO_SUCH_SESSION: Final = 4410
"""The close code of an attach whose session is gone, with the reason why."""

NOT_YOURS: Final = Reason(
    "not_yours",
    "the user token of whoever opened this session must come with its token",
    close_code=4403,
)
NOT_RESUMABLE: Final = Reason(
    "not_resumable", "this session was not opened with notifier=resume", close_code=4403
)
SUPERSEDED: Final = Reason("superseded", "something newer carries this session", close_code=4409)
PROBE_UNANSWERED: Final = Reason(
    "probe_unanswered", "the probe was not answered in time", close_code=4408
)

# Ends of a session: JSON status 500 to its poll, 410 to its POST, a close code on a WebSocket.
SESSION_GONE: Final = Reason("session_gone", "this session has ended: open a new one and rejoin")
SESSION_FOREIGN: Final = Reason(
    "session_foreign",
    "this session token was not signed with a key of ours: open a new session and rejoin",
)
SESSION_EXPIRED: Final = Reason("session_expired", "no request came for one and a half windows")
DETACHED_TOO_LONG: Final = Reason(
    "detached_too_long", "nothing came from the client for resume_window"
)
DISPLACED: Final = Reason("displaced", "another session of this user took this one's place")
CLIENT_CLOSED: Final = Reason("client_closed", "the client closed", close_code=1000)
SLOW_CONSUMER: Final = Reason(
    "slow_consumer", "more waited for this client than its mailbox holds", close_code=1013
)
ACK_BEYOND_SENT: Final = Reason(
    "ack_beyond_sent", "the client acknowledged what was never sent to it", close_code=1002
)
DISCONNECTED: Final = Reason("disconnected", "this client was disconnected", close_code=1001)
RESTARTING: Final = Reason("restarting", "the server is going down", close_code=1012)
IDLE: Final = Reason("idle", "no frame came from the client for too long", close_code=1002)
