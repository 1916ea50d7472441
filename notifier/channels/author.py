"""
Calls what an application's author has written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from notifier.errors import describe


async def call(name: str, method: Callable[..., Any], *arguments: object) -> Any:
    """
    Await a method of an author's.

    Raises what it raises, and TypeError for one that is not async. A
    cancellation from within (it awaited something that somebody else
    cancelled) is a RuntimeError: it is not us who are to stop.
    """
    work = method(*arguments)
    if not hasattr(work, "__await__"):
        raise TypeError(f"{name} must be `async def`, got one that returned {describe(work)}")
    try:
        return await work
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RuntimeError(f"{name} awaited what was cancelled") from error
