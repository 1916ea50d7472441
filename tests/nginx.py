"""
A real nginx before the server, with a configuration that `docs/deploy.md` tells.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from attrs import define, field

DEPLOY: Final = Path(__file__).parents[1] / "docs" / "deploy.md"
CONFIGURATIONS: Final = {"defaults": "It works as it is", "websockets": "With WebSockets"}
"""What each is called here, and its heading there."""

PATIENCE_S: Final = 10
MAIN: Final = """\
%(user)s
daemon off;
pid nginx.pid;
events {}
http {
    access_log access.log;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    %(http)s
    server {
        listen 127.0.0.1:%(port)d;
        %(server)s
    }
}
"""


def find() -> str | None:
    """
    Find the program: Debian puts it where only root looks.
    """
    return shutil.which("nginx", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")


def blocks(heading: str) -> tuple[str, str]:
    """
    Give what a section of `docs/deploy.md` has for `http`, and for `server`.
    """
    section = DEPLOY.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^    \S.*\n(?:(?:    .*)?\n)*", section, re.MULTILINE)
    for_http = [block for block in found if block.lstrip().startswith("map ")]
    return "".join(for_http), "".join(block for block in found if block not in for_http)


@define(eq=False)
class Nginx:
    """
    One nginx, run as the current user. All that it writes is below `prefix`.
    """

    program: str
    prefix: Path
    port: int
    process: asyncio.subprocess.Process = field(init=False)

    async def start(self) -> None:
        """
        Start with the configuration in `prefix`, and wait until it listens.
        """
        self.process = await asyncio.create_subprocess_exec(
            *self._command(), stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(PATIENCE_S):
            while not await self._listens():
                if self.process.returncode is not None:
                    raise RuntimeError((self.prefix / "error.log").read_text())
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """
        Stop at once, whatever is under way. Idempotent.
        """
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            await self.process.wait()

    async def reload(self) -> None:
        """
        Let new workers take over: `nginx -s reload`.
        """
        process = await asyncio.create_subprocess_exec(*self._command(), "-s", "reload")
        assert await process.wait() == 0

    def statuses(self, path: str) -> set[int]:
        """
        Give the HTTP statuses that requests for `path` were answered with, and have ended.
        """
        log = (self.prefix / "access.log").read_text()
        return set(map(int, re.findall(rf'"GET {path}\S* \S+" (\d+) ', log)))

    def _command(self) -> tuple[str, ...]:
        return (self.program, "-p", f"{self.prefix}/", "-c", "nginx.conf", "-e", "error.log")

    async def _listens(self) -> bool:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.close()
            return True
        return False


@asynccontextmanager
async def nginx_before(
    upstream: int, configuration: str, *, program: str | None = None, more: str = ""
) -> AsyncIterator[Nginx]:
    """
    Run an nginx that passes on to the port `upstream`; `more` is for its `server`.
    """
    program = program or find()
    assert program is not None, "nginx is not here"
    for_http, for_server = blocks(CONFIGURATIONS[configuration])
    assert "127.0.0.1:4000" in for_server
    with tempfile.TemporaryDirectory() as prefix:
        one = Nginx(program, Path(prefix), _free_port())
        words = {
            "user": "user root;" if os.geteuid() == 0 else "",
            "http": for_http,
            "port": one.port,
            "server": for_server.replace("127.0.0.1:4000", f"127.0.0.1:{upstream}") + more,
        }
        (one.prefix / "nginx.conf").write_text(MAIN % words)
        await one.start()
        try:
            yield one
        finally:
            await one.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
