"""
What `scripts/chaos` shows, in short: a server that is killed loses nothing that it confirmed.
"""

from __future__ import annotations

import pytest
from chaos.kill import KillRun


@pytest.mark.server
@pytest.mark.slow
async def test_killed_server_loses_nothing_that_was_confirmed() -> None:
    """
    Three kills under 200 notices a second: each subscriber has each of them, once and in order.
    """
    table = await KillRun(kills=3, seed=7).run()
    assert KillRun.is_clean(table), table
    assert table["rejoins"] > 0
    assert table["confirmed"] > 100
