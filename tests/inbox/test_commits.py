"""
What comes together is written together.
"""

from __future__ import annotations

import asyncio

import pytest

from notifier.errors import EngineError
from notifier.inbox.commits import Commits


async def test_what_comes_meanwhile_is_written_together() -> None:
    """
    In the order in which it came; one that fails is the only one to fail.
    """
    batches = list[list[int]]()

    async def write(items) -> None:
        batches.append(list(items))
        await asyncio.sleep(0)
        if 3 in items:
            raise EngineError("write", "it is 3")

    commits = Commits(write, asyncio.Lock())
    outcomes = await asyncio.gather(*map(commits.put, range(5)), return_exceptions=True)
    assert batches == [[0], [1, 2, 3, 4], [1], [2], [3], [4]]
    assert [type(one) for one in outcomes] == [type(None)] * 3 + [EngineError, type(None)]
    await commits.put(7)
    with pytest.raises(EngineError):
        await commits.put(3)
    assert batches[6:] == [[7], [3]]
    assert repr(commits) == "<Commits 0 waiting>"
