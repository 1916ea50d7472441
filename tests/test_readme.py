"""
The README's curl lines, run by the real curl against the server that its first line starts.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import require

README = Path(__file__).parents[1] / "README.md"
PATIENCE_S = 20


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """
    Run `notifier serve` with a data directory of its own; give where it listens.
    """
    command = [sys.executable, "-m", "notifier", "serve", "--port", "0", "--data-dir", "data"]
    env = {**os.environ, "NOTIFIER_WINDOW_MS": "500"}
    with subprocess.Popen(
        command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            yield re.search(r"http://[0-9.]+:[0-9]+", line)[0]  # type: ignore[index]  # it is there
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def curl_lines() -> list[str]:
    return re.findall(r"^    (curl .*)$", README.read_text(), re.MULTILINE)


def run(line: str, address: str, **words: str) -> dict[str, object]:
    line = line.replace("http://127.0.0.1:4000", address)
    for name, value in words.items():
        line = line.replace(f"${name}", value).replace("nts_…", value)
    command = ["bash", "-c", line.replace("curl ", "curl -sS ")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    return json.loads(done.stdout)


@pytest.mark.server
def test_curl_lines_answer_as_the_readme_says(address: str, tmp_path: Path) -> None:
    """
    The first opens and joins, the second waits for more, the last says what is missing.
    """
    require("curl")
    command = [sys.executable, "-m", "notifier", "token", "alice", "--data-dir", "data"]
    token = subprocess.check_output(command, cwd=tmp_path, text=True).strip()
    opening, polling, refused = curl_lines()

    opened = run(opening, address, TOKEN=token)
    replies = [(one["topic"], one["payload"]["status"]) for one in opened["messages"]]
    assert sorted(replies) == [("room:lobby", "ok"), ("user:alice", "ok")]
    assert str(opened["next"]).startswith("/socket/longpoll?token=nts_")

    assert run(polling, address, TOKEN=opened["token"])["status"] == 204

    told = run(refused, address)
    assert (told["status"], told["reason"]) == (403, "token_missing")
    assert "notifier token" in str(told["message"])
