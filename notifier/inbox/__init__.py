"""
Notices that wait for their users, and what became of them.
"""

from notifier.inbox.inbox import Inbox, Sent
from notifier.inbox.notice import Draft, InvalidNotice
from notifier.inbox.recipients import EVERYONE, TO_EVERYONE, Recipients, ToRoom, ToUsers
from notifier.inbox.records import Kept, Status
from notifier.inbox.store import NoticeStore

__all__ = [
    "EVERYONE",
    "TO_EVERYONE",
    "Draft",
    "Inbox",
    "InvalidNotice",
    "Kept",
    "NoticeStore",
    "Recipients",
    "Sent",
    "Status",
    "ToRoom",
    "ToUsers",
]
