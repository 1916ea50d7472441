"""
One client's state: mailbox, channels joined, tokens, limits. Pure.

No I/O and no clock: `now` is handed in, deadlines are handed out.
"""

from __future__ import annotations

from notifier.session.claims import Claims, User
from notifier.session.deadlines import Deadlines
from notifier.session.json_web_tokens import JwtRules
from notifier.session.limits import Limits
from notifier.session.mailbox import Mailbox
from notifier.session.poll import Answer, Poll, PollState
from notifier.session.resume import Attachment, AttachmentState, Resume
from notifier.session.session import Command, Deliver, Join, Seat, Session
from notifier.session.tokens import Tokens

__all__ = [
    "Answer",
    "Attachment",
    "AttachmentState",
    "Claims",
    "Command",
    "Deadlines",
    "Deliver",
    "Join",
    "JwtRules",
    "Limits",
    "Mailbox",
    "Poll",
    "PollState",
    "Resume",
    "Seat",
    "Session",
    "Tokens",
    "User",
]
