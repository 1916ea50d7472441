from __future__ import annotations

import asyncio

import pytest

from notifier.backoffice.acts import MAX_ACTS, Acts, Outcome

REACHED = Outcome("Reached 3 sessions.", "Sent to everyone.", secret="nta_1")
FAILED = Outcome("Nothing was sent.", is_done=False)


class Performer:
    """
    Performs, counts how often, and waits until it may go on.
    """

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.count = 0
        self.started = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self) -> Outcome:
        self.count += 1
        self.started.set()
        await self.may_end.wait()
        return self.outcomes.pop(0)


async def test_act_is_performed_once_when_it_is_asked_twice() -> None:
    """
    The second time answers with the first one's outcome.
    """
    acts, perform = Acts(), Performer(REACHED)
    assert await acts.once("a", perform) == REACHED
    assert await acts.once("a", perform) == REACHED
    assert perform.count == 1


async def test_act_is_performed_once_when_it_is_asked_twice_at_the_same_time() -> None:
    """
    A double click waits for the one act that is under way.
    """
    acts, perform = Acts(), Performer(REACHED)
    perform.may_end.clear()
    both = asyncio.gather(*(acts.once("a", perform) for _ in range(2)))
    await perform.started.wait()
    perform.may_end.set()
    assert await both == [REACHED, REACHED]
    assert perform.count == 1


async def test_act_is_performed_again_when_it_failed() -> None:
    """
    A failed act is forgotten.
    """
    acts, perform = Acts(), Performer(FAILED, REACHED)
    assert await acts.once("a", perform) == FAILED
    assert acts.take_outcome("a") is None
    assert await acts.once("a", perform) == REACHED


async def test_act_goes_on_when_who_asked_hangs_up() -> None:
    """
    Cancelling the asker does not cancel the act.
    """
    acts, perform = Acts(), Performer(REACHED)
    perform.may_end.clear()
    asker = asyncio.ensure_future(acts.once("a", perform))
    await perform.started.wait()
    asker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asker
    assert acts.take_outcome("a") is None
    perform.may_end.set()
    assert await acts.once("a", perform) == REACHED
    assert perform.count == 1


async def test_outcome_is_given_once() -> None:
    """
    Taking it leaves nothing for a reload.
    """
    acts = Acts()
    await acts.once("a", Performer(REACHED))
    assert acts.take_outcome("a") == REACHED
    assert acts.take_outcome("a") is None


async def test_outcome_says_so_when_the_act_had_been_done_already() -> None:
    """
    It was not done a second time, and what is shown once is not shown again.
    """
    acts, perform = Acts(), Performer(REACHED)
    await acts.once("a", perform)
    acts.take_outcome("a")
    await acts.once("a", perform)
    again = acts.take_outcome("a")
    assert again
    assert (again.headline, again.is_again) == (REACHED.headline, True)
    assert again.secret == ""
    assert acts.take_outcome("a") is None


async def test_outcome_is_the_plain_one_when_a_double_click_asked_for_it() -> None:
    """
    Asked for twice before it was shown, it is shown once and as it was.
    """
    acts, perform = Acts(), Performer(REACHED)
    await acts.once("a", perform)
    await acts.once("a", perform)
    assert acts.take_outcome("a") == REACHED
    assert acts.take_outcome("a") is None


def test_no_outcome_is_given_when_the_act_is_unknown() -> None:
    """
    An id from elsewhere shows nothing.
    """
    assert Acts().take_outcome("else") is None


async def test_oldest_act_is_forgotten_when_there_are_too_many() -> None:
    """
    The acts remembered are bounded.
    """
    acts = Acts()
    for number in range(MAX_ACTS + 1):
        await acts.once(str(number), Performer(REACHED))
    assert repr(acts) == f"<Acts count={MAX_ACTS}>"
    assert acts.take_outcome("0") is None
    assert acts.take_outcome("1") == REACHED


def test_repr_keeps_the_secret_to_itself() -> None:
    """
    An outcome in a log shows no password and no key.
    """
    assert "nta_1" not in repr(REACHED)
