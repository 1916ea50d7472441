from __future__ import annotations

from notifier.backoffice.door.throttle import (
    FIRST_WAIT_S,
    FORGET_AFTER_S,
    FREE_ATTEMPTS,
    MAX_NAMES,
    MAX_WAIT_S,
    Throttle,
)


def tire(throttle: Throttle, name: str, now: float = 0.0) -> None:
    for _ in range(FREE_ATTEMPTS):
        assert throttle.attempt(name, now) == 0


def test_attempt_is_let_through_when_there_were_few() -> None:
    """
    The first attempts of a name never wait.
    """
    tire(Throttle(), "ada")


def test_attempt_has_to_wait_when_there_were_many() -> None:
    """
    After the free attempts the rest of the first wait is told.
    """
    throttle = Throttle()
    tire(throttle, "ada", now=10.0)
    assert throttle.attempt("ada", 10.5) == FIRST_WAIT_S - 0.5


def test_wait_doubles_when_guessing_goes_on() -> None:
    """
    Each attempt after a wait makes the next wait twice as long, up to the longest.
    """
    throttle, now, waits = Throttle(), 0.0, []
    tire(throttle, "ada")
    for _ in range(12):
        waits.append(throttle.attempt("ada", now))
        now += waits[-1]
        assert throttle.attempt("ada", now) == 0
    assert waits[:4] == [2.0, 4.0, 8.0, 16.0]
    assert waits[-1] == MAX_WAIT_S


def test_wait_stays_bounded_when_guessing_never_ends() -> None:
    """
    A thousand attempts later the wait is still the longest, and finite.
    """
    throttle, now = Throttle(), 0.0
    for _ in range(1_200):
        assert throttle.attempt("ada", now) == 0
        now += MAX_WAIT_S
    assert throttle.attempt("ada", now - 1) == 1


def test_refused_attempt_does_not_lengthen_the_wait() -> None:
    """
    Asking during the wait leaves it as it is.
    """
    throttle = Throttle()
    tire(throttle, "ada")
    for _ in range(50):
        throttle.attempt("ada", 1.0)
    assert throttle.attempt("ada", FIRST_WAIT_S) == 0


def test_other_names_are_let_through_when_one_has_to_wait() -> None:
    """
    Guessing one name's password keeps nobody else out.
    """
    throttle = Throttle()
    tire(throttle, "ada")
    assert throttle.attempt("ada", 0.0) > 0
    assert throttle.attempt("bob", 0.0) == 0


def test_name_starts_anew_when_it_was_right() -> None:
    """
    A right password gives back the free attempts.
    """
    throttle = Throttle()
    tire(throttle, "ada")
    throttle.forget("ada")
    tire(throttle, "ada")


def test_name_starts_anew_when_it_was_left_alone() -> None:
    """
    Old attempts are forgotten after an hour.
    """
    throttle = Throttle()
    tire(throttle, "ada")
    tire(throttle, "ada", now=FORGET_AFTER_S + 1)


def test_names_are_bounded_when_many_are_tried() -> None:
    """
    Beyond the limit the name left alone the longest is forgotten.
    """
    throttle = Throttle()
    tire(throttle, "ada")
    for number in range(MAX_NAMES):
        throttle.attempt(f"guess-{number}", 0.0)
    assert len(throttle) == MAX_NAMES
    assert throttle.attempt("ada", 0.0) == 0


def test_repr_tells_no_names() -> None:
    """
    The throttle's repr counts names and shows none.
    """
    throttle = Throttle()
    throttle.attempt("ada", 0.0)
    assert repr(throttle) == "<Throttle names=1>"
