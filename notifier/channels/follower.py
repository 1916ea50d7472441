"""
Where one channel stands in the log of its topic.

The rules of this file:

- position <= read <= heard. Up to `position` all was handed on, up to `read`
  it is at hand in `_page`, up to `heard` it is known to be in the log.
- Live means: all three are one, and what is heard is handed on at once. From then
  on, until something is to be held, nobody need ask: what comes live comes in order.
- What is heard while behind is a position and not a queue: it is read from the
  log when its turn comes. Only what follows `read` directly is kept, a page of it.
- An id at or below `heard` was heard or read before, and is skipped.

No I/O: whoever holds a follower reads the log for it.
"""

from __future__ import annotations

from typing import Final

from attrs import define, field

from notifier.engine import Page, Publication

PAGE_MESSAGES: Final = 128
"""Messages of one read, and the most that a follower keeps of what is live."""


class HistoryLost(Exception):
    """
    What a channel had still to hand on was trimmed from the log meanwhile.
    """


@define(eq=False, repr=False)
class Follower:
    """
    Puts the log and what comes live into one order, each message once.

    Call `hear` for what is published, from the subscription on, and `start`
    with a page read after that. While `is_behind`, hand on what is `at_hand` and
    say `advance`; where that is nothing, `receive` a page read since `read`.

    `key` is the channel's own: what it sent to all but itself is stepped over.
    """

    key: str = ""
    position: str = ""
    read: str = ""
    heard: str = ""
    is_replaying: bool = False
    _page: list[Publication] = field(init=False, factory=list)

    def __repr__(self) -> str:
        return f"<Follower at {self.position} {len(self._page)} at hand, heard of {self.heard}>"

    @property
    def is_behind(self) -> bool:
        """
        Whether something is to be handed on before what comes live.
        """
        return self.position < self.heard

    def hear(self, publication: Publication, *, hold: bool) -> bool:
        """
        Take a publication of the live stream; True: hand it on now.

        With `hold` it is not handed on now, but put `at_hand`.
        """
        id = publication.id
        assert id is not None
        if id <= self.heard:
            return False
        if not hold and self.position == self.heard:
            self.position = self.read = self.heard = id
            return True
        if self.read == self.heard and len(self._page) < PAGE_MESSAGES:
            self._page.append(publication)
            self.read = id
        self.heard = id
        return False

    def start(self, page: Page, since: str | None = None) -> None:
        """
        Begin at the head of the log, or after `since` with the page that was read there.
        """
        heard, self._page = self._page, []
        self.position = self.read = page.head if since is None else min(since, page.head)
        self._add(page)
        if page.is_last:  # what was heard meanwhile follows directly
            later = [one for one in heard if (one.id or "") > page.head]
            self._page += later
            self.read = later[-1].id or "" if later else self.read

    def receive(self, page: Page) -> None:
        """
        Take a page that was read since `read`; raise HistoryLost if it has a gap before it.
        """
        if not page.recovered:
            raise HistoryLost(f"the log was trimmed beyond {self.read}")
        self._add(page)

    def at_hand(self, count: int) -> list[Publication]:
        """
        Give the next publications, at most `count`; none where a page is to be read first.
        """
        return self._page[:count]

    def advance(self, count: int = 1) -> None:
        """
        Note that the first `count` of what was at hand are handed on.
        """
        id = self._page[count - 1].id
        assert id is not None
        self.position = id
        del self._page[:count]
        self._catch_up()

    def _add(self, page: Page) -> None:
        self._page += [one for one in page.publications if one.sender != self.key]
        self.is_replaying = True
        last = page.head if page.is_last else page.publications[-1].id or ""
        self.read = max(self.read, last)
        self.heard = max(self.heard, self.read, page.head)
        self._catch_up()

    def _catch_up(self) -> None:
        """
        Step over what the log does not hold: `read` may lie beyond the last message.
        """
        if not self._page:
            self.position = self.read
        self.is_replaying = self.is_behind and self.is_replaying
