"""
One client's state: mailbox, channels joined, tokens, limits. Pure.

No I/O and no clock: `now` is handed in, deadlines are handed out.
"""

from __future__ import annotations

from notifier.session.deadlines import Deadlines
from notifier.session.limits import Limits
from notifier.session.mailbox import Mailbox
from notifier.session.poll import Answer, Poll, PollState
from notifier.session.resume import Attachment, AttachmentState, Resume
from notifier.session.session import Command, Deliver, Join, Seat, Session
from notifier.session.tokens import Tokens, User

__all__ = [
    "Answer",
    "Attachment",
    "AttachmentState",
    "Command",
    "Deadlines",
    "Deliver",
    "Join",
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
