"""
A follower puts the log and the live stream into one order, whatever comes when.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from notifier.channels.follower import PAGE_MESSAGES, Follower, HistoryLost
from notifier.engine import Page, Publication


def message(number: int, sender: str | None = None) -> Publication:
    return Publication("room:a", "new_msg", {"id": id_of(number)}, id_of(number), sender)


def id_of(number: int) -> str:
    return f"{number:06}"


def page(*numbers: int, head: int | None = None, recovered: bool = True) -> Page:
    last = numbers[-1] if numbers else 0
    head = last if head is None else head
    return Page([message(n) for n in numbers], recovered, id_of(head), len(numbers) < PAGE_MESSAGES)


def started(head: int = 0) -> Follower:
    follower = Follower("me")
    follower.start(page(head=head))
    return follower


def hand_on_all(follower: Follower) -> list[int]:
    numbers = list[int]()
    while publications := follower.at_hand(1):
        follower.advance()
        numbers.append(int(publications[0].id or ""))
    return numbers


def test_live_publication_is_handed_on_at_once() -> None:
    """
    One after the other, and each once.
    """
    follower = started()
    assert [follower.hear(message(n), hold=False) for n in (1, 2, 2, 1, 3)] == [
        True,
        True,
        False,
        False,
        True,
    ]
    assert not follower.is_behind


def test_what_was_read_is_not_heard_again() -> None:
    """
    At the seam the log is ahead of the live stream: ids up to there are skipped.
    """
    follower = Follower("me")
    follower.start(page(1, 2, 3), since=id_of(0))
    assert hand_on_all(follower) == [1, 2, 3]
    assert [follower.hear(message(n), hold=False) for n in (2, 3, 4)] == [False, False, True]


def test_what_was_heard_before_the_start_follows_the_page() -> None:
    """
    A publication that comes while the place is looked up is not lost, though the page is
    older, and needs no read; one that the page has is not handed on twice.
    """
    follower = Follower("me")
    for number in (4, 5, 6):
        assert not follower.hear(message(number), hold=True)
    follower.start(page(head=4))
    assert hand_on_all(follower) == [5, 6]
    assert not follower.is_behind


def test_what_was_heard_before_the_start_is_read_when_the_page_is_full() -> None:
    """
    There is more between the page and what was heard.
    """
    follower, many = Follower("me"), range(1, PAGE_MESSAGES + 1)
    assert not follower.hear(message(999), hold=True)
    follower.start(page(*many, head=998), since=id_of(0))
    assert hand_on_all(follower) == list(many)
    assert follower.is_behind
    follower.receive(page(500, head=999))
    assert hand_on_all(follower) == [500]


def test_held_publication_holds_back_those_behind_it() -> None:
    """
    They follow in order, without a read while they are few.
    """
    follower = started()
    assert not follower.hear(message(1), hold=True)
    assert not follower.hear(message(2), hold=False)
    assert hand_on_all(follower) == [1, 2]
    assert follower.hear(message(3), hold=False)


def test_many_held_publications_are_a_position_in_the_log() -> None:
    """
    A page is kept; what comes after it is read when its turn has come.
    """
    follower, many = started(), PAGE_MESSAGES + 50
    for number in range(1, many + 1):
        assert not follower.hear(message(number), hold=number == 1)
    assert hand_on_all(follower) == list(range(1, PAGE_MESSAGES + 1))
    assert follower.is_behind
    assert follower.read == id_of(PAGE_MESSAGES)
    follower.receive(page(*range(PAGE_MESSAGES + 1, many + 1)))
    assert hand_on_all(follower) == list(range(PAGE_MESSAGES + 1, many + 1))
    assert not follower.is_behind


def test_full_page_may_not_be_the_last() -> None:
    """
    What lies between its last message and the head is read next.
    """
    follower = Follower("me")
    follower.start(page(*range(1, PAGE_MESSAGES + 1), head=900), since=id_of(0))
    assert follower.read == id_of(PAGE_MESSAGES)


def test_own_broadcast_is_stepped_over() -> None:
    """
    What a channel sent to all but itself does not come back to it from the log.
    """
    follower = started()
    follower.hear(message(1), hold=True)
    follower.hear(message(3), hold=False)
    follower.advance(2)
    follower.heard = id_of(5)
    follower.receive(Page([message(4, "me"), message(5, "other")], True, id_of(5), True))
    assert hand_on_all(follower) == [5]
    follower.heard = id_of(6)
    follower.receive(Page([message(6, "me")], True, id_of(6), True))
    assert not follower.is_behind


def test_since_above_the_head_begins_at_the_head() -> None:
    """
    An id of another life of the log leads nobody to wait for it.
    """
    follower = Follower("me")
    follower.start(page(head=3, recovered=False), since=id_of(9))
    assert follower.hear(message(4), hold=False)


def test_gap_in_the_log_is_no_page() -> None:
    """
    What was trimmed before it was handed on cannot be passed over in silence.
    """
    follower = started()
    follower.heard = id_of(9)
    with pytest.raises(HistoryLost):
        follower.receive(page(8, 9, recovered=False))


class Seam(RuleBasedStateMachine):
    """
    A log, a live stream that lags behind it, pages that were read a while ago.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log: list[int] = []
        self.floor = 0
        self.live: list[int] = []
        self.subscribe()

    def subscribe(self, since: int | None = None) -> None:
        self.follower = Follower("me")
        self.handed: list[int] = []
        self.since = since
        self.live.clear()  # what was published before is not for us
        self.reading: Page | None = None
        self.is_started = False
        self.is_lost = False

    def read(self, since: int) -> Page:
        after = [number for number in self.log if number > since]
        head = self.log[-1] if self.log else self.floor
        return page(*after[:PAGE_MESSAGES], head=head, recovered=self.floor <= since <= head)

    @rule(count=st.sampled_from([1, 1, 1, 2, 5, PAGE_MESSAGES, PAGE_MESSAGES + 1]))
    def publish(self, count: int) -> None:
        for _ in range(count):
            number = (self.log[-1] if self.log else self.floor) + 1
            self.log.append(number)
            self.live.append(number)

    @precondition(lambda self: self.live)
    @rule(
        hold=st.sampled_from([False, False, True]),
        count=st.sampled_from([1, 3, PAGE_MESSAGES, 9999]),
    )
    def fan_out(self, hold: bool, count: int) -> None:
        for _ in range(min(count, len(self.live))):
            publication = message(self.live.pop(0))
            if self.follower.hear(publication, hold=hold or not self.is_started):
                self.handed.append(int(publication.id or ""))

    @precondition(lambda self: self.reading is None and not self.is_lost)
    @rule()
    def begin_read(self) -> None:
        if not self.is_started:
            head = self.log[-1] if self.log else self.floor
            self.reading = page(head=head) if self.since is None else self.read(self.since)
        elif self.follower.is_behind and not self.follower.at_hand(1):
            self.reading = self.read(int(self.follower.read))

    @precondition(lambda self: self.reading is not None)
    @rule()
    def end_read(self) -> None:
        assert self.reading is not None
        if not self.is_started:
            self.is_started = True
            since = None if self.since is None else id_of(self.since)
            self.follower.start(self.reading, since)
            self.base = int(self.reading.head) if since is None else self.since
            self.is_lost = not self.reading.recovered
        else:
            try:
                self.follower.receive(self.reading)
            except HistoryLost:
                self.is_lost = True
        self.reading = None

    @precondition(lambda self: self.is_started and self.reading is None)
    @rule(count=st.integers(1, PAGE_MESSAGES))
    def hand_on(self, count: int) -> None:
        at_hand = self.follower.at_hand(count)
        if at_hand:
            self.follower.advance(len(at_hand))
            self.handed += [int(publication.id or "") for publication in at_hand]

    @precondition(lambda self: len(self.log) > 3)
    @rule(data=st.data())
    def trim(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(1, len(self.log)))
        self.floor = self.log[count - 1]
        del self.log[:count]

    @rule(since=st.sampled_from(["last", "none", "below", "above"]))
    def rejoin(self, since: str) -> None:
        last = self.handed[-1] if self.handed else 0
        places = {"last": last, "none": None, "below": 0, "above": 10**5}
        self.subscribe(places[since])

    @invariant()
    def each_once_in_order_without_a_hole(self) -> None:
        if self.is_started and not self.is_lost:
            first = self.base + 1
            assert self.handed == list(range(first, first + len(self.handed)))
        assert self.handed == sorted(set(self.handed))

    @invariant()
    def what_is_at_hand_is_bounded(self) -> None:
        assert len(self.follower.at_hand(10**6)) <= 2 * PAGE_MESSAGES

    def teardown(self) -> None:
        """
        All that is under way comes to its end: the client has everything.
        """
        while not self.is_lost:
            self.begin_read()
            if self.reading is not None:
                self.end_read()
            elif self.live:
                self.fan_out(False, 9999)
            elif self.follower.at_hand(1):
                self.hand_on(PAGE_MESSAGES)
            else:
                break
        if not self.is_lost:
            assert not self.follower.is_behind
            newest = self.log[-1] if self.log else self.floor
            assert self.base + len(self.handed) == newest or newest <= self.base


Seam.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestSeam: Any = Seam.TestCase
