"""
What every engine must do: a suite to inherit. `test_memory.py` shows how.
"""

from __future__ import annotations

from engine.log_contract import LogContract
from engine.publish_contract import PublishContract
from notifier.engine import Engine


class EngineContract(PublishContract, LogContract):
    """
    Inherit it as `Test…` and say how to make an engine.
    """

    async def test_close_may_be_called_twice(self, engine: Engine) -> None:
        """
        Whoever closes an engine need not know whether somebody did.
        """
        await engine.close()
        await engine.close()
