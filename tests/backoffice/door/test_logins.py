from __future__ import annotations

from notifier.backoffice.door.logins import LOGIN_IDLE_S, LOGIN_MAX_AGE_S, MAX_LOGINS, Logins
from notifier.backoffice.door.operators import Operator

ADA, BOB, CAT = (
    Operator(name=name, created_at=0.0, role="admin", sign_outs=0) for name in ("ada", "bob", "cat")
)


def test_login_is_found_when_it_was_opened() -> None:
    """
    A log-in is found again by its id.
    """
    logins = Logins()
    login = logins.open(ADA, 0.0)
    assert logins.use(login.id, 1.0) is login


def test_login_is_over_when_nobody_used_it() -> None:
    """
    An idle log-in ends, and is not kept.
    """
    logins = Logins()
    login = logins.open(ADA, 0.0)
    assert logins.use(login.id, LOGIN_IDLE_S) is None
    assert len(logins) == 0


def test_login_goes_on_when_it_is_used() -> None:
    """
    Each use starts the idle time anew.
    """
    logins = Logins()
    login = logins.open(ADA, 0.0)
    assert logins.use(login.id, LOGIN_IDLE_S - 1)
    assert logins.use(login.id, 2 * LOGIN_IDLE_S - 2)


def test_login_is_over_when_a_working_day_has_passed() -> None:
    """
    However busy, a log-in ends at its greatest age.
    """
    logins = Logins()
    login = logins.open(ADA, 0.0)
    now = 0.0
    while now + LOGIN_IDLE_S / 2 < LOGIN_MAX_AGE_S:
        now += LOGIN_IDLE_S / 2
        assert logins.use(login.id, now)
    assert logins.use(login.id, LOGIN_MAX_AGE_S) is None


def test_login_is_gone_when_it_was_closed() -> None:
    """
    A closed log-in is not found, and closing it twice is fine.
    """
    logins = Logins()
    login = logins.open(ADA, 0.0)
    logins.close(login.id)
    logins.close(login.id)
    assert logins.use(login.id, 0.0) is None


def test_least_recently_used_login_ends_when_there_are_too_many() -> None:
    """
    At the limit the log-in that was not used for the longest time goes.
    """
    logins = Logins()
    first, second = logins.open(ADA, 0.0), logins.open(BOB, 0.0)
    logins.use(first.id, 1.0)
    for _ in range(MAX_LOGINS - 1):
        logins.open(CAT, 2.0)
    assert len(logins) == MAX_LOGINS
    assert logins.use(second.id, 2.0) is None
    assert logins.use(first.id, 2.0) is first


def test_ids_differ_when_the_same_operator_signs_in_twice() -> None:
    """
    No id is given twice.
    """
    logins = Logins()
    assert logins.open(ADA, 0.0).id != logins.open(ADA, 0.0).id


def test_repr_keeps_the_id_to_itself() -> None:
    """
    Neither repr shows what a cookie would prove.
    """
    logins = Logins()
    login = logins.open(ADA, 0.0)
    assert login.id not in repr(login) + repr(logins)


def test_login_stands_for_the_operator_who_opened_it() -> None:
    """
    Not for another one who was given the same name later, and not for nobody.
    """
    login = Logins().open(ADA, 0.0)
    assert login.is_of(ADA)
    assert not login.is_of(Operator(name="ada", created_at=9.0, role="admin", sign_outs=0))
    assert not login.is_of(None)


def test_login_is_over_when_its_operator_signed_out_everywhere() -> None:
    """
    By the count that went up since.
    """
    login = Logins().open(ADA, 0.0)
    assert not login.is_of(Operator(name="ada", created_at=0.0, role="admin", sign_outs=1))


def test_looking_does_not_use_a_login() -> None:
    """
    A page that keeps itself up to date does not keep a log-in from ending.
    """
    logins = Logins()
    login = logins.open(ADA, 0.0)
    assert logins.look(login.id, LOGIN_IDLE_S - 1) is login
    assert logins.look(login.id, LOGIN_IDLE_S) is None


def test_logins_of_an_operator_are_counted() -> None:
    """
    Those that still stand, and nobody else's.
    """
    logins = Logins()
    for operator in (ADA, ADA, BOB):
        logins.open(operator, 0.0)
    logins.open(ADA, 10.0)
    assert logins.count(ADA, 20.0) == 3
    assert logins.count(ADA, LOGIN_IDLE_S) == 1
    assert logins.count(Operator(name="ada", created_at=0.0, role="admin", sign_outs=1), 20.0) == 0
