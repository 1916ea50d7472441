"""
The users in the database: made, listed, kept out; and what others are told of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import inspect

from notifier.accounts import UserExists, UserStore, UserUnknown
from notifier.accounts.users import PAGE_MAX
from notifier.database import open_database
from notifier.session import User


class Clock:
    now = 1_000.9

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> UserStore:
    return UserStore(tmp_path / "notifier.db", clock=clock)


def test_user_is_there_when_it_was_made(store: UserStore) -> None:
    """
    With what was said, and the rest as it begins.
    """
    made = store.create("42", " Ann ", "operator")
    found = store.get("42")
    assert found is not None
    assert (found.id, found.name, found.role) == ("42", "Ann", "operator")
    assert (found.is_disabled, found.revoked_at, found.created_at) == (False, None, 1_000.9)
    assert made.change == found.change == 1


def test_user_is_a_customer_without_a_name_when_nothing_is_said(store: UserStore) -> None:
    """
    The least that there can be.
    """
    made = store.create("42", "  ")
    assert (made.name, made.role) == (None, "customer")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("",), "user id"),
        (("x" * 256,), "at most 255 characters"),
        (("\udcff",), "UTF-8"),
        (("a", "x" * 101), "at most 100 characters, got 101"),
        (("a", "a\x00b"), "no control characters"),
        (("a", None, "admin"), "expected a role of customer, operator"),
    ],
)
def test_user_is_refused_that_will_not_do(store: UserStore, arguments: tuple, told: str) -> None:
    """
    And nothing is left of it.
    """
    with pytest.raises(ValueError, match=told):
        store.create(*arguments)
    assert store.count() == 0


def test_id_is_refused_when_it_is_taken(store: UserStore) -> None:
    """
    Whoever has it keeps it as it is.
    """
    store.create("42", "Ann")
    with pytest.raises(UserExists, match="a user '42' exists already"):
        store.create("42", "Bob")
    assert store.get_or_raise("42").name == "Ann"


@pytest.mark.parametrize("verb", ["disable", "enable", "revoke", "get_or_raise"])
def test_nobody_is_told_when_there_is_no_such_user(store: UserStore, verb: str) -> None:
    """
    A misspelt id would be a user that nobody keeps out.
    """
    store.create("42")
    with pytest.raises(UserUnknown, match="there is no user '43'"):
        getattr(store, verb)("43")


HOSTILE = [
    "'; DROP TABLE users; --",
    '" OR ""="',
    "42' OR '1'='1",
    "%",
    "_",
    "42%",
    "\\",
    "a\x00b",
    ":id",
    "?",
    "*",
    "💥",
    "Ａｎｎ",
]


@pytest.mark.parametrize("id", HOSTILE)
def test_id_is_only_ever_compared(store: UserStore, id: str) -> None:
    """
    Whatever SQL would make of it: one user is meant, and one is changed.
    """
    store.create("42")
    store.create(id, id if id.isprintable() else None)
    assert store.disable(id).id == id
    assert store.revoke(id).id == id
    assert not store.get_or_raise("42").is_disabled
    assert store.get_or_raise("42").revoked_at is None
    assert [one.id for one in store.page(after=id)] == [one for one in ("42",) if one > id]
    assert store.count() == 2


def test_user_who_is_added_a_moment_later_was_not_disabled(
    store: UserStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A server adds the user between the update that found nobody and the look at the outcome.
    """
    look = UserStore.get_or_raise

    def add_and_look(self: UserStore, id: str) -> object:
        self.create(id)
        return look(self, id)

    monkeypatch.setattr(UserStore, "get_or_raise", add_and_look)
    with pytest.raises(UserUnknown):
        store.disable("42")


def test_user_is_kept_out_until_enabled(store: UserStore) -> None:
    """
    Doing either twice is doing it once.
    """
    store.create("42")
    for verb, is_disabled in (("disable", True), ("disable", True), ("enable", False)):
        assert getattr(store, verb)("42").is_disabled is is_disabled


def test_tokens_are_void_up_to_the_second_of_the_revocation(store: UserStore, clock: Clock) -> None:
    """
    Whole seconds, as tokens know them; later ones count, and a clock set back does not.
    """
    store.create("42")
    assert store.revoke("42").revoked_at == 1_000
    clock.now = 500
    assert store.revoke("42").revoked_at == 1_000
    clock.now = 2_000
    assert store.revoke("42").revoked_at == 2_000
    assert store.enable("42").revoked_at == 2_000


def test_pages_go_through_all_users_once(store: UserStore) -> None:
    """
    In the order of their ids, also while others are added before them.
    """
    store.create_missing(User(f"u{number:02}") for number in range(25))
    seen, after = list[str](), ""
    while page := store.page(10, after):
        seen += [one.id for one in page]
        after = seen[-1]
        if len(seen) == 10:
            store.create("a")
    assert seen == [f"u{number:02}" for number in range(25)]
    assert [one.id for one in store.page(1)] == ["a"]


def test_page_is_cut_when_it_is_asked_to_be_too_large(store: UserStore) -> None:
    """
    Nobody reads the whole table into memory.
    """
    store.create_missing(User(f"{number}") for number in range(PAGE_MAX + 1))
    assert len(store.page(10**9)) == PAGE_MAX
    assert len(store.page(-1)) == 1


def test_those_who_are_there_stay_as_they_are_when_the_missing_are_added(store: UserStore) -> None:
    """
    A token does not change what was decided about its user.
    """
    store.create("42", "Ann")
    store.disable("42")
    store.create_missing([User("42", "operator"), User("43", "operator")])
    ann = store.get_or_raise("42")
    assert (ann.name, ann.role, ann.is_disabled) == ("Ann", "customer", True)
    assert store.get_or_raise("43").role == "operator"


def test_changes_are_told_since_the_last_that_is_known(store: UserStore) -> None:
    """
    Each once; who was made and never kept out is told at first only to whoever wants everyone.
    """
    for id in ("a", "b", "c"):
        store.create(id)
    store.disable("b")
    newest, told = store.changes_since(0, everyone=False)
    assert [one.id for one in told] == ["b"]
    assert len(store.changes_since(0, everyone=True)[1]) == 3
    assert store.changes_since(newest, everyone=True) == (newest, [])
    store.enable("b")
    store.revoke("a")
    newer, told = store.changes_since(newest, everyone=False)
    assert newer == newest + 2
    assert [(one.id, one.is_disabled) for one in told] == [("b", False), ("a", False)]


def test_all_is_told_anew_when_the_file_is_another(store: UserStore) -> None:
    """
    A backup that was put back has lower numbers.
    """
    store.create("a")
    store.disable("a")
    newest, told = store.changes_since(99, everyone=False)
    assert (newest, [one.id for one in told]) == (2, ["a"])


def test_changes_of_two_processes_have_numbers_of_their_own(tmp_path: Path) -> None:
    """
    Two stores on one file, as the server and the command line are.
    """
    one, other = UserStore(tmp_path / "n.db"), UserStore(tmp_path / "n.db")
    numbers = [store.create(id).change for store, id in ((one, "a"), (other, "b"), (one, "c"))]
    numbers += [other.disable("a").change, one.disable("b").change]
    assert numbers == [1, 2, 3, 4, 5]


def test_table_is_added_to_an_older_file(tmp_path: Path) -> None:
    """
    A data directory of before there were users is good.
    """
    UserStore(tmp_path / "n.db")
    with open_database(tmp_path / "n.db").begin() as connection:
        connection.exec_driver_sql("DROP TABLE users")
    assert UserStore(tmp_path / "n.db").count() == 0
    assert "users" in inspect(open_database(tmp_path / "n.db")).get_table_names()


def found(store: UserStore, text: str, limit: int = 10) -> list[str]:
    return [one.id for one in store.find(text, limit)]


def test_users_are_found_by_a_part_of_id_or_name(store: UserStore) -> None:
    """
    Those that begin with it first, each group by id, whether or not there is a name.
    """
    for id, name in (("z1", "Ann"), ("b-an", None), ("a-an", "Bob"), ("c-an", None), ("d", "Joe")):
        store.create(id, name)
    assert found(store, "an") == ["z1", "a-an", "b-an", "c-an"]
    assert found(store, "an", 2) == ["z1", "a-an"]
    assert found(store, "") == ["a-an", "b-an", "c-an", "d", "z1"]


@pytest.mark.parametrize("text", ["ärger", "ÄRGER", "Ärger"])
def test_users_are_found_in_any_case(store: UserStore, text: str) -> None:
    """
    Also beyond ASCII.
    """
    for number, name in enumerate(("Ärger", "ärger", "ÄRGER", "Arger")):
        store.create(str(number), name)
    assert found(store, text) == ["0", "1", "2"]


@pytest.mark.parametrize("id", ["100%", "a_b", "a\\b", "'; --"])
def test_text_of_a_search_is_only_ever_compared(store: UserStore, id: str) -> None:
    """
    Whatever LIKE would make of it.
    """
    store.create(id)
    store.create("100 axb")
    assert found(store, id) == [id]
    assert found(store, "x" * 100_000) == []


def test_known_users_are_told_by_id(store: UserStore) -> None:
    """
    More than go into one question; who is not there is left out.
    """
    ids = [f"{number}" for number in range(PAGE_MAX + 5)]
    store.create_missing([User(id) for id in ids])
    known = store.known([*ids, "nobody", "%"])
    assert set(known) == set(ids)
    assert known["7"].id == "7"
    assert store.known([]) == {}
