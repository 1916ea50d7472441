from __future__ import annotations

import stat
import unicodedata
from pathlib import Path
from typing import Literal

import pytest
from argon2 import PasswordHasher

from backoffice.fakes import Clock, quick_hasher
from notifier.backoffice import LastAdmin, OperatorExists, OperatorStore, OperatorUnknown
from notifier.backoffice.door.operators import ADMIN, OPERATOR


class CountingHasher(PasswordHasher):
    """
    Notes which hashes it was asked to look at.
    """

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.seen: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        self.seen.append(str(hash))
        return super().verify(hash, password)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "notifier.db"


@pytest.fixture
def store(path: Path) -> OperatorStore:
    return OperatorStore(path, hasher=quick_hasher(), clock=Clock(1_234.5))


def test_operator_is_verified_when_name_and_password_are_right(store: OperatorStore) -> None:
    """
    What was added is what comes back.
    """
    store.add("ada", "correct horse")
    operator = store.verify("ada", "correct horse")
    assert operator
    assert (operator.name, operator.role, operator.created_at) == ("ada", "admin", 1_234.5)


@pytest.mark.parametrize(
    ("name", "password"),
    [("ada", "wrong horse!"), ("bob", "correct horse"), ("", ""), ("ada", ""), ("Ada", "\x00")],
)
def test_operator_is_refused_when_name_or_password_is_wrong(
    store: OperatorStore, name: str, password: str
) -> None:
    """
    Anything else is nobody.
    """
    store.add("ada", "correct horse")
    assert store.verify(name, password) is None


def test_operator_is_still_there_when_the_store_is_opened_again(path: Path) -> None:
    """
    Operators live in the file.
    """
    OperatorStore(path, hasher=quick_hasher()).add("ada", "correct horse")
    assert OperatorStore(path, hasher=quick_hasher()).verify("ada", "correct horse")


def test_name_and_password_match_when_composed_differently(store: OperatorStore) -> None:
    """
    The same letters from another keyboard are the same.
    """
    store.add(" Zoë ", "crème brûlée")
    decomposed = [unicodedata.normalize("NFD", word) for word in ("Zoë", "crème brûlée")]
    assert store.verify(*decomposed)


def test_adding_is_refused_when_the_name_is_taken(store: OperatorStore) -> None:
    """
    The first one's password stays.
    """
    store.add("ada", "correct horse")
    with pytest.raises(OperatorExists, match="an operator named 'ada' exists already"):
        store.add("ada ", "another horse")
    assert store.verify("ada", "correct horse")


@pytest.mark.parametrize(
    ("name", "password", "words"),
    [
        ("ada", "horses", "password must have at least 10 characters, got 6"),
        ("ada", "x" * 1_001, "password must have at most 1,000 characters, got 1,001"),
        ("  ", "correct horse", "name must have 1 to 100 characters, got 0"),
        ("a" * 101, "correct horse", "name must have 1 to 100 characters, got 101"),
        ("a\nb", "correct horse", "name must have no control characters"),
    ],
)
def test_adding_is_refused_when_name_or_password_is_out_of_bounds(
    store: OperatorStore, name: str, password: str, words: str
) -> None:
    """
    The error tells the bound and what came, and never the password.
    """
    with pytest.raises(ValueError, match=words) as caught:
        store.add(name, password)
    assert password not in str(caught.value)
    assert store.is_empty()


def test_password_is_hashed_with_argon2id_when_stored(store: OperatorStore, path: Path) -> None:
    """
    The file holds no password.
    """
    operator = store.add("ada", "correct horse")
    assert operator.password_hash.startswith("$argon2id$")
    assert b"correct horse" not in path.read_bytes()
    assert operator.password_hash not in repr(operator)


def test_file_is_for_its_owner_only_when_made(store: OperatorStore, path: Path) -> None:
    """
    Nobody else on the machine can read the hashes.
    """
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_hash_is_made_anew_when_the_parameters_changed(path: Path) -> None:
    """
    Signing in brings an old hash up to date, and goes on working.
    """
    before = OperatorStore(path, hasher=quick_hasher(1)).add("ada", "correct horse").password_hash
    stronger = OperatorStore(path, hasher=quick_hasher(2))
    operator = stronger.verify("ada", "correct horse")
    assert operator
    assert "t=1," in before
    assert "t=2," in operator.password_hash
    again = stronger.verify("ada", "correct horse")
    assert again
    assert again.password_hash == operator.password_hash


def test_the_same_work_is_done_when_nobody_has_the_name(path: Path) -> None:
    """
    One hash of the same strength is looked at, whether the name exists or not.
    """
    hasher = CountingHasher()
    store = OperatorStore(path, hasher=hasher)
    store.add("ada", "correct horse")
    store.verify("ada", "wrong horse!")
    store.verify("bob", "wrong horse!")
    known, unknown = (seen.rsplit("$", 2)[0] for seen in hasher.seen)
    assert known == unknown


def test_nobody_is_verified_when_the_stand_in_password_is_guessed(store: OperatorStore) -> None:
    """
    The hash that stands in for unknown names lets nobody in.
    """
    assert store.verify("bob", "nobody's password") is None


def test_store_is_empty_when_nobody_was_added(store: OperatorStore) -> None:
    """
    It tells whether there is anybody who could sign in.
    """
    assert store.is_empty()
    store.add("ada", "correct horse")
    assert not store.is_empty()


def test_operator_is_refused_when_the_stored_hash_is_broken(path: Path) -> None:
    """
    A hash that is none lets nobody in and raises nothing.
    """

    class Broken(PasswordHasher):
        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            return "broken"

    OperatorStore(path, hasher=Broken()).add("ada", "correct horse")
    assert OperatorStore(path, hasher=quick_hasher()).verify("ada", "correct horse") is None


def test_first_operator_is_an_admin(store: OperatorStore) -> None:
    """
    And those after are not, unless it is said.
    """
    roles = [store.add(name, "correct horse").role for name in ("ada", "bob")]
    assert roles == [ADMIN, OPERATOR]
    assert store.add("eve", "correct horse", ADMIN).is_admin


def test_next_operator_is_an_admin_when_there_is_none(store: OperatorStore) -> None:
    """
    A database of before there were roles gets one by the same command.
    """
    store.add("bob", "correct horse", OPERATOR)
    assert store.add("ada", "correct horse").is_admin


def test_adding_is_refused_when_there_is_no_such_role(store: OperatorStore) -> None:
    """
    The error names those there are.
    """
    with pytest.raises(ValueError, match="expected a role of operator, admin, got a string of 4"):
        store.add("ada", "correct horse", "king")


def test_only_the_new_password_opens_when_it_was_changed(store: OperatorStore) -> None:
    """
    And every log-in from before is over.
    """
    store.add("ada", "correct horse")
    store.set_password("ada", "battery staple")
    assert store.verify("ada", "correct horse") is None
    operator = store.verify("ada", "battery staple")
    assert operator
    assert operator.sign_outs == 1


def test_new_password_is_refused_when_it_is_short(store: OperatorStore) -> None:
    """
    The old one stays, and so do the log-ins.
    """
    store.add("ada", "correct horse")
    with pytest.raises(ValueError, match="at least 10 characters, got 5"):
        store.set_password("ada", "horse")
    operator = store.verify("ada", "correct horse")
    assert operator
    assert operator.sign_outs == 0


def test_role_is_changed(store: OperatorStore) -> None:
    """
    To admin and back, while another one is there.
    """
    store.add("ada", "correct horse")
    store.add("bob", "correct horse")
    store.set_role("bob", ADMIN)
    store.set_role("ada", OPERATOR)
    assert [one.role for one in store.list()] == [OPERATOR, ADMIN]


@pytest.mark.parametrize("act", ["remove", "demote"])
def test_last_admin_stays(store: OperatorStore, act: str) -> None:
    """
    Nobody could keep the operators without.
    """
    store.add("ada", "correct horse")
    store.add("bob", "correct horse")
    with pytest.raises(LastAdmin, match="'ada' is the only admin: make another one first"):
        store.remove("ada") if act == "remove" else store.set_role("ada", OPERATOR)
    assert [(one.name, one.role) for one in store.list()] == [("ada", ADMIN), ("bob", OPERATOR)]


def test_operator_is_gone_when_removed(store: OperatorStore) -> None:
    """
    Neither the password opens, nor does the name stand in the list.
    """
    store.add("ada", "correct horse")
    store.add("bob", "correct horse")
    store.remove("bob")
    assert store.get("bob") is None
    assert store.verify("bob", "correct horse") is None


def test_signing_in_is_noted(store: OperatorStore) -> None:
    """
    With the time of the last one.
    """
    assert store.add("ada", "correct horse").signed_in_at is None
    store.note_sign_in("ada")
    operator = store.get("ada")
    assert operator
    assert operator.signed_in_at == 1_234.5


def test_nothing_is_changed_when_nobody_has_the_name(store: OperatorStore) -> None:
    """
    Each of the changes says so.
    """
    for change in (store.remove, store.sign_out_everywhere, store.note_sign_in):
        with pytest.raises(OperatorUnknown, match="there is no operator named 'eve'"):
            change("eve")


def test_long_texts_are_refused_as_they_are(store: OperatorStore) -> None:
    """
    Composing takes the square of the length: a megabyte of accents would stop the server.
    """
    store.add("ada", "correct horse")
    accents = "a" + "\u0301\u0323" * 300_000
    assert store.verify(accents, accents) is None
    assert store.get(accents) is None
    with pytest.raises(ValueError, match="got 600,001"):
        store.set_password("ada", accents)
