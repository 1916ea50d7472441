"""
How an author's methods are called.
"""

from __future__ import annotations

import asyncio

import pytest

from notifier.channels.author import call


async def test_result_is_passed_on() -> None:
    """
    Arguments in, result out.
    """

    async def double(number: int) -> int:
        return number * 2

    assert await call("double", double, 21) == 42


async def test_error_is_passed_on() -> None:
    """
    It is the caller's to log.
    """

    async def fail() -> None:
        raise KeyError("body")

    with pytest.raises(KeyError):
        await call("fail", fail)


@pytest.mark.parametrize(
    ("returned", "told"),
    [(None, "null"), ({"secret": "word"}, "an object with 1 keys"), ("secret", "6 characters")],
)
async def test_method_is_refused_when_it_is_not_async(returned: object, told: str) -> None:
    """
    The message shows the form there is, and of the value its kind alone.
    """
    with pytest.raises(TypeError, match=r"Room\.ping must be `async def`") as raised:
        await call("Room.ping", lambda: returned)
    assert told in str(raised.value)
    assert "secret" not in str(raised.value)


async def test_cancellation_from_within_is_an_error() -> None:
    """
    Whoever awaits what another has cancelled is not cancelled itself.
    """

    async def wait() -> None:
        task = asyncio.ensure_future(asyncio.Event().wait())
        task.cancel()
        await task

    with pytest.raises(RuntimeError, match="wait awaited what was cancelled"):
        await call("wait", wait)


async def test_cancellation_from_without_is_one() -> None:
    """
    The task that is to stop does.
    """
    task = asyncio.ensure_future(call("wait", asyncio.Event().wait))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
