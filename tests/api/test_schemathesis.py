"""
Schemathesis reads the document, and tries to prove of a real server that it is untrue.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from api.serving import serving

EXAMPLES = 30
"""For each operation and phase: some 800 requests, in ten seconds."""

PATIENCE_S = 120


@pytest.mark.server
@pytest.mark.slow
def test_document_is_true_of_a_server(tmp_path: Path) -> None:
    """
    No answer that is not in it, nothing good refused, nothing wrong taken, no failure;
    and none of it in the log.
    """
    with serving(tmp_path, API_RATE_PER_S="100000", API_BURST="100000") as server:
        config = tmp_path / "schemathesis.toml"
        config.write_text(f'[auth.openapi.key]\nbearer = "{server.key}"\n')
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "--no-color", "run"),
            f"{server.address}/api/v1/openapi.json",
            *("--checks", "all", "--max-examples", str(EXAMPLES)),
            *("--seed", "1", "--generation-deterministic"),
        ]
        env = {
            **os.environ,
            "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
            "PYTHONPATH": str(Path(__file__).parent),
        }
        done = subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=PATIENCE_S
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "15 selected / 15 total" in done.stdout
        log = server.log.read_text()
        assert server.key not in log
        assert "Traceback" not in log
        assert "ERROR notifier" not in log
