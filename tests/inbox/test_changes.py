"""
Whoever waits for a change hears of it.
"""

from __future__ import annotations

import asyncio

import pytest

from notifier.inbox.changes import Changes


async def test_waiting_ends_with_a_change() -> None:
    """
    For all who wait, and not before.
    """
    changes = Changes()
    waiting = [asyncio.ensure_future(changes.wait(0)) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(one.done() for one in waiting)
    changes.tell()
    await asyncio.gather(*waiting)
    assert changes.count == 1


async def test_change_before_the_wait_is_not_missed() -> None:
    """
    Who has looked at an earlier count need not wait.
    """
    changes = Changes()
    changes.tell()
    await changes.wait(0)
    after = asyncio.ensure_future(changes.wait(1))
    await asyncio.sleep(0)
    assert not after.done()
    changes.tell()
    await after


async def test_others_wait_on_when_one_gives_up() -> None:
    """
    Whoever is cancelled takes nobody's news along.
    """
    changes = Changes()
    leaving, staying = (asyncio.ensure_future(changes.wait(0)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert not staying.done()
    changes.tell()
    await staying


def test_telling_costs_nothing_when_nobody_waits() -> None:
    """
    It counts, and needs no event loop.
    """
    changes = Changes()
    changes.tell()
    assert repr(changes) == "<Changes 1>"
