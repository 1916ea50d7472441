"""
What waits in a mailbox takes the memory that it is counted with.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from notifier.protocol.json_text import dump

MEASURE = """
from pathlib import Path
from notifier.protocol.json_text import dump

def resident_kb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4

before = resident_kb()
kept = [dump(["a", number]) for number in range(20_000)]
print(resident_kb() - before)
"""


def test_dump_makes_compact_json() -> None:
    """
    As orjson does, UTF-8 and without blanks.
    """
    assert dump({"a": [1, "é", None]}) == '{"a":[1,"é",null]}'.encode()


def test_dump_refuses_what_json_cannot_hold() -> None:
    """
    With the error of the library below.
    """
    with pytest.raises(TypeError):
        dump({1, 2})


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_dump_keeps_no_buffer() -> None:
    """
    20,000 short texts take about 2 MB; with a buffer of 4 kB each it was 80.
    """
    out = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, check=True).stdout
    assert int(out) < 8_000
