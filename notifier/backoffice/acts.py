"""
What an operator asked for, each done once however often it is asked.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Final

from attrs import define, evolve, field, frozen

MAX_ACTS: Final = 20
"""
Acts remembered for each log-in; at the limit the oldest is forgotten, and
sending the very same form in again, twenty acts later, would carry it out
again.
"""


@frozen
class Outcome:
    """
    How an act ended, in the operator's language.
    """

    headline: str
    detail: str = ""
    is_good: bool = True
    """Whether something came of it; what came to nothing is told in another colour."""
    then: str = ""
    """The path that tells of it, where only doing it shows which."""
    secret: str = field(default="", repr=False)
    """What is shown this once and never again: a password or a key that was made."""
    example: str = field(default="", repr=False)
    """A command that uses the secret, shown with it."""
    is_done: bool = True
    """Whether it was done at all; if not, the same form may be sent in again."""
    is_again: bool = False
    """Asked for a second time: it had been done, and was not done again."""


@define
class _Act:
    task: asyncio.Task[Outcome]
    shown: bool = False
    asked_again: bool = False


@define(repr=False)
class Acts:
    """
    The newest acts of one log-in, by an id made of the form's content.
    """

    _by_id: OrderedDict[str, _Act] = field(factory=OrderedDict, init=False)

    async def once(
        self, act_id: str, perform: Callable[[], Coroutine[None, None, Outcome]]
    ) -> Outcome:
        """
        Perform the act unless it was or is being performed; return its outcome.

        `perform` must not raise. What was not done is forgotten, so that it can be
        tried again. The act goes on when the browser that asked for it hangs up.
        """
        act = self._by_id.get(act_id)
        if act is None:
            act = self._by_id[act_id] = _Act(asyncio.ensure_future(perform()))
            if len(self._by_id) > MAX_ACTS:
                self._by_id.popitem(last=False)
        else:
            act.asked_again = True
        outcome = await asyncio.shield(act.task)
        if not outcome.is_done and self._by_id.get(act_id) is act:
            del self._by_id[act_id]
        return outcome

    def take_outcome(self, act_id: str) -> Outcome | None:
        """
        Return the outcome once; again only when it was asked for again, and without
        the secret then.
        """
        act = self._by_id.get(act_id)
        outcome = act.task.result() if act and act.task.done() else None
        if act is None or outcome is None:
            return None
        if not act.shown:
            act.shown, act.asked_again = True, False
            return outcome
        if act.asked_again:
            act.asked_again = False
            return evolve(outcome, is_again=True, secret="", example="")
        return None

    def __contains__(self, act_id: str) -> bool:
        """
        Return whether the act is remembered, or is being performed.
        """
        return act_id in self._by_id

    def __repr__(self) -> str:
        return f"<Acts count={len(self._by_id)}>"
