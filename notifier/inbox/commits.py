"""
Writes into the database in turn, and together what comes together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from attrs import define, field

Item = TypeVar("Item")


@define(eq=False, repr=False)
class Commits(Generic[Item]):
    """
    Has items written, all that wait in one transaction.

    `write` writes some, all or none, and raises where it cannot. `turn` is held
    meanwhile; whoever gets it writes for all that have come by then.
    """

    write: Callable[[Sequence[Item]], Awaitable[None]]
    turn: asyncio.Lock
    _waiting: list[tuple[Item, asyncio.Future[None]]] = field(init=False, factory=list)

    def __repr__(self) -> str:
        return f"<Commits {len(self._waiting)} waiting>"

    async def put(self, item: Item) -> None:
        """
        Return once an item is written; raise what `write` has raised for it.

        One that fails in company is tried alone, so that it fails nobody else's.
        """
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((item, written))
        async with self.turn:
            if not written.done():
                batch, self._waiting = self._waiting, []
                await self._write(batch)
        await written

    async def _write(self, batch: Sequence[tuple[Item, asyncio.Future[None]]]) -> None:
        try:
            await self.write([item for item, _ in batch])
        except Exception as error:
            if len(batch) > 1:
                for one in batch:
                    await self._write([one])
            else:
                batch[0][1].set_exception(error)
        else:
            for _, written in batch:
                written.set_result(None)
