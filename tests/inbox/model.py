"""
What an inbox is to do, as plainly as it can be said.
"""

from __future__ import annotations

from attrs import define, field

from notifier.inbox.store import MAX_BACKLOG

LOG_AGE_S = 86_400.0
"""What the log of a user's topic keeps."""


@define(eq=False)
class Note:
    id: str
    user: str
    sent_at: float
    expires_at: float | None
    in_log: bool = True
    withdrawn_at: float | None = None
    is_delivered: bool = False
    is_seen: bool = False

    def is_current(self, now: float) -> bool:
        expired = self.expires_at is not None and self.expires_at <= now
        return self.withdrawn_at is None and not expired


@define(eq=False)
class Model:
    """
    The notices, oldest first.
    """

    notes: list[Note] = field(factory=list)

    def of(self, user: str) -> list[Note]:
        return [note for note in self.notes if note.user == user]

    def unseen(self, user: str, now: float) -> list[Note]:
        return [one for one in self.of(user) if one.is_current(now) and not one.is_seen]

    def join(self, user: str, since: str | None, now: float) -> list[tuple[str, str]]:
        """
        Tell which events a join of the user's own brings, after its reply.
        """
        if since is None:
            found = self.unseen(user, now)[-MAX_BACKLOG:]
            gone = []
        else:
            found = [
                one
                for one in self.of(user)
                if one.is_current(now)
                and (
                    (one.id > since and self._is_logged(one, now))
                    or (not one.is_seen and (one.id > since or not one.is_delivered))
                )
            ]
            gone = [
                one
                for one in self.of(user)
                if one.id <= since
                and one.withdrawn_at is not None
                and f"{int(one.withdrawn_at * 1000):012x}" >= since[:12]
            ]
        for one in found:
            one.is_delivered = True
        events = [(one.id, "new_msg") for one in found] + [(one.id, "withdrawn") for one in gone]
        return [(event, id) for id, event in sorted(events)]

    def _is_logged(self, note: Note, now: float) -> bool:
        return note.in_log and int(note.id[:12], 16) >= int(now * 1000) - LOG_AGE_S * 1000
