"""
Running Chromium through a scenario of `tests/js`.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from conftest import require, require_node_modules

JS = Path(__file__).parent / "js"
PATIENCE_S = 60


async def drive(script: str, scenario: str, **given: Any) -> dict[str, Any]:
    """
    Run the browser through a scenario of a script; give what each step showed.
    """
    require_node_modules("playwright-core")
    told = {"executable": require("chromium"), "scenario": scenario, **given}
    process = await asyncio.create_subprocess_exec(
        require("node"),
        str(JS / script),
        json.dumps(told),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            stdout, stderr = await process.communicate()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    lines = [json.loads(line) for line in stdout.splitlines()]
    assert process.returncode == 0, f"{lines[-1:]} {stderr.decode()}"
    return {line.pop("step"): line for line in lines}
