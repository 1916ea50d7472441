"""
Token buckets, and the brake on wrong keys.
"""

from __future__ import annotations

import asyncio

from api.caller import Clock
from notifier.api.rates import FREE_WRONG_KEYS, MAX_DELAYED, Bucket, Rates, WrongKeys


def test_bucket_gives_its_burst_and_then_its_rate() -> None:
    """
    What is not there yet is told in seconds.
    """
    bucket = Bucket(per_s=2, burst=3)
    assert [bucket.take(100.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert bucket.take(100.5) == 0
    assert bucket.take(100.5) == 0.5
    assert [bucket.take(1000.0) for _ in range(4)] == [0, 0, 0, 0.5]


def test_bucket_gives_nothing_when_time_runs_back() -> None:
    """
    A clock that is set back fills no bucket.
    """
    bucket = Bucket(per_s=1, burst=1)
    assert bucket.take(100.0) == 0
    assert bucket.take(50.0) == 1


def test_each_key_has_a_bucket_of_its_own() -> None:
    """
    One that asks too much slows nobody else down; the wait is in whole seconds.
    """
    rates = Rates(per_s=3, burst=1, now=Clock())
    assert (rates.wait_s(1), rates.wait_s(1), rates.wait_s(2)) == (0, 1, 0)
    assert repr(rates) == "<Rates keys=2>"


async def test_wrong_keys_wait_when_there_were_ten() -> None:
    """
    Up to a number that waits at once; one more is told so.
    """
    slept, gate = list[float](), asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await gate.wait()

    wrong = WrongKeys(Clock(), sleep)
    assert [await wrong.slow_down() for _ in range(FREE_WRONG_KEYS)] == [True] * FREE_WRONG_KEYS
    assert not slept
    waiting = [asyncio.create_task(wrong.slow_down()) for _ in range(MAX_DELAYED)]
    await asyncio.sleep(0)
    assert slept == [1.0] * MAX_DELAYED
    assert not await wrong.slow_down()
    gate.set()
    assert await asyncio.gather(*waiting) == [True] * MAX_DELAYED
    assert repr(wrong) == "<WrongKeys delayed=0>"
