"""
`notifier serve` as a process of its own, with an API key.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

PATIENCE_S = 20


@frozen
class Served:
    """
    A server that runs.
    """

    process: subprocess.Popen[str]
    data_dir: Path
    address: str
    key: str
    log: Path


def notifier(data_dir: Path, *words: str) -> str:
    command = [sys.executable, "-m", "notifier", *words, "--data-dir", str(data_dir)]
    return subprocess.check_output(command, text=True, timeout=PATIENCE_S).strip()


@contextmanager
def serving(directory: Path, key: str | None = None, **settings: str) -> Iterator[Served]:
    """
    Run a server in a directory until the block is left; without `key` one is made.
    """
    data_dir, log = directory / "data", directory / "log"
    key = key or notifier(data_dir, "apikey", "add", "host")
    command = [sys.executable, "-m", "notifier", "serve", "--port", "0", "--log-level", "debug"]
    command += ["--data-dir", str(data_dir)]
    env = {**os.environ, **{f"NOTIFIER_{name}": value for name, value in settings.items()}}
    with (
        log.open("a") as stderr,
        subprocess.Popen(
            command, cwd=directory, env=env, stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as process,
    ):
        assert process.stdout is not None
        try:
            found = re.search(r"http://[0-9.]+:[0-9]+", process.stdout.readline())
            assert found, log.read_text()
            yield Served(process, data_dir, found[0], key, log)
        finally:
            process.terminate()
            process.wait(PATIENCE_S)
