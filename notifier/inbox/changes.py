"""
Tells whoever waits that something has become of some notice.
"""

from __future__ import annotations

import asyncio

from attrs import define, field


@define(eq=False, repr=False)
class Changes:
    """
    A number that grows with each change, and a way to wait until it has grown.

    Take `count` before looking, and wait for what comes after it: nothing is missed.
    """

    count: int = field(init=False, default=0)
    _next: asyncio.Future[None] | None = field(init=False, default=None)

    def __repr__(self) -> str:
        return f"<Changes {self.count}>"

    def tell(self) -> None:
        """
        Say that something has changed; costs nothing while nobody waits.
        """
        self.count += 1
        waiting, self._next = self._next, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    async def wait(self, seen: int) -> None:
        """
        Return once `count` is another than `seen`; may be cancelled.
        """
        if self.count != seen:
            return
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._next)
