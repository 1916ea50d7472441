"""
The curl lines of docs/api.md, run by the real curl against a server.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from api.serving import PATIENCE_S, Served, serving
from conftest import require

DOCS = Path(__file__).parents[1] / "docs" / "api.md"


def run(line: str, server: Served) -> Any:
    line = line.replace("http://127.0.0.1:4000", server.address).replace("$KEY", server.key)
    command = ["bash", "-c", line.replace("curl ", "curl -sS ", 1)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    return json.loads(done.stdout)


@pytest.mark.server
def test_curl_lines_answer_as_the_page_says(tmp_path: Path) -> None:
    """
    Each as it stands there, in its order.
    """
    require("curl")
    lines = re.findall(r"^    (curl .*)$", DOCS.read_text(), re.MULTILINE)
    with serving(tmp_path) as server:
        document, notice, event, token, ended, history = (run(line, server) for line in lines)
        again = run(lines[1], server)
    assert document["openapi"] == "3.1.0"
    told = set(re.findall(r"(?:GET|POST) /([a-z]+)", DOCS.read_text()))
    assert {path.split("/")[1] for path in document["paths"]} == told
    assert again == notice
    assert set(notice) == set(event) == {"id", "reached"}
    assert set(token) == {"token", "expires_at"}
    assert ended == {"ended": 0}
    assert [one["payload"]["body"] for one in history["messages"]] == ["hello"]
    assert "status" not in str([notice, event, token, history])
