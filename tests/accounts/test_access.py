"""
Who is kept out: each rule, and any order of changes against a plain model.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from attrs import frozen
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from notifier.accounts import Access, UserStore
from notifier.session import Claims, User


@frozen
class One:
    id: str
    is_disabled: bool = False
    revoked_at: int | None = None


def claims(id: str, issued_at: int = 100) -> Claims:
    return Claims(User(id), issued_at, 10**9)


def told(access: Access, id: str, issued_at: int = 100) -> str | None:
    reason = access.refusal(claims(id, issued_at))
    return None if reason is None else reason.code


def test_everyone_is_let_in_who_is_not_kept_out() -> None:
    """
    Also who was never heard of.
    """
    access = Access()
    access.apply([One("a", is_disabled=True)])
    assert told(access, "b") is None


@pytest.mark.parametrize(
    ("issued_at", "code"), [(0, "token_revoked"), (100, "token_revoked"), (101, None)]
)
def test_token_is_void_up_to_the_revocation(issued_at: int, code: str | None) -> None:
    """
    That of the same second too, and one that does not say since when it is.
    """
    access = Access()
    access.apply([One("a", revoked_at=100)])
    assert told(access, "a", issued_at) == code


def test_token_without_a_time_is_good_where_nothing_was_revoked() -> None:
    """
    It counts as issued in 1970.
    """
    assert told(Access(), "a", 0) is None


def test_disabled_is_told_first() -> None:
    """
    A new token would not help.
    """
    access = Access()
    access.apply([One("a", is_disabled=True, revoked_at=100)])
    assert told(access, "a") == "user_disabled"


def test_stranger_is_refused_where_users_must_be_known() -> None:
    """
    And let in once it is known.
    """
    access = Access(is_closed=True)
    assert told(access, "a") == "user_unknown"
    assert access.apply([One("a")]) == []
    assert told(access, "a") is None


def test_session_ends_once_for_each_change() -> None:
    """
    What is applied again is no news, and what lets in ends nothing.
    """
    access = Access()
    disabled, revoked = One("a", is_disabled=True), One("b", revoked_at=5)
    assert access.apply([disabled, revoked]) == ["a", "b"]
    assert access.apply([disabled, revoked]) == []
    assert access.apply([One("a"), One("b", revoked_at=5)]) == []
    assert access.apply([One("b", revoked_at=6)]) == ["b"]


def test_replace_forgets_who_is_not_named() -> None:
    """
    And tells who is kept out that was not before.
    """
    access = Access(is_closed=True)
    access.apply([One("a", is_disabled=True), One("b", revoked_at=200), One("c")])
    assert access.replace([One("c", revoked_at=200), One("b", revoked_at=100)]) == ["c"]
    assert told(access, "a") == "user_unknown"
    assert told(access, "b", 150) is None
    assert told(access, "c") == "token_revoked"


def test_repr_counts() -> None:
    """
    Users' ids stand in no log line.
    """
    access = Access()
    access.apply([One("SECRET", is_disabled=True, revoked_at=1)])
    assert repr(access) == "<Access 1 disabled, 1 revoked>"


IDS = st.sampled_from(["a", "b", "c", "'--"])


class Clock:
    now = 100

    def __call__(self) -> float:
        return self.now + 0.5


class AccessMachine(RuleBasedStateMachine):
    """
    A server's Access over a file that the command line changes, beside a model of it.
    """

    is_closed = False

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name) / "n.db"
        self.clock = Clock()
        self.store = UserStore(self.path, clock=self.clock)
        self.disabled: dict[str, bool] = {}
        self.revoked: dict[str, int] = {}
        self.begin()

    def teardown(self) -> None:
        self.directory.cleanup()

    def begin(self) -> None:
        self.access = Access(is_closed=self.is_closed)
        self.change, changed = self.store.changes_since(0, everyone=self.is_closed)
        self.access.replace(changed)
        self.noted()

    def noted(self) -> None:
        self.seen_disabled, self.seen_revoked = dict(self.disabled), dict(self.revoked)
        self.is_current = True

    @rule(id=IDS, at_first=st.booleans())
    def create(self, id: str, at_first: bool) -> None:
        if id in self.disabled or at_first:
            self.store.create_missing([User(id)])
        else:
            self.store.create(id)
        self.disabled.setdefault(id, False)
        self.is_current = False

    @precondition(lambda self: self.disabled)
    @rule(data=st.data(), verb=st.sampled_from(["disable", "enable", "revoke"]))
    def change_one(self, data: st.DataObject, verb: str) -> None:
        id = data.draw(st.sampled_from(sorted(self.disabled)))
        getattr(UserStore(self.path, clock=self.clock), verb)(id)
        if verb == "revoke":
            self.revoked[id] = max(self.clock.now, self.revoked.get(id, 0))
        else:
            self.disabled[id] = verb == "disable"
        self.is_current = False

    @rule(by=st.integers(-3, 5))
    def time_passes(self, by: int) -> None:
        self.clock.now += by

    @rule()
    def restart(self) -> None:
        self.begin()

    @rule()
    def poll(self) -> None:
        newest, changed = self.store.changes_since(self.change, everyone=self.is_closed)
        assert newest >= self.change
        self.change = newest
        ended = self.access.apply(changed)
        expected = {
            id
            for id, is_disabled in self.disabled.items()
            if (is_disabled and not self.seen_disabled.get(id, False))
            or self.revoked.get(id) != self.seen_revoked.get(id)
        }
        assert (set(ended), len(ended)) == (expected, len(expected))
        self.noted()

    @invariant()
    def access_says_what_the_model_says(self) -> None:
        if not self.is_current:
            return
        for id in ("a", "b", "c", "'--", "nobody"):
            for issued_at in {0, self.clock.now, self.revoked.get(id, 0), self.clock.now + 1}:
                assert told(self.access, id, issued_at) == self.expected(id, issued_at)

    def expected(self, id: str, issued_at: int) -> str | None:
        if self.disabled.get(id):
            return "user_disabled"
        if id in self.revoked and issued_at <= self.revoked[id]:
            return "token_revoked"
        return "user_unknown" if self.is_closed and id not in self.disabled else None


class ClosedMachine(AccessMachine):
    is_closed = True


SETTINGS = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestAccess = AccessMachine.TestCase
TestClosedAccess = ClosedMachine.TestCase
TestAccess.settings = TestClosedAccess.settings = SETTINGS
