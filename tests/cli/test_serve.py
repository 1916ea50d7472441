"""
`notifier serve`: what it refuses, and how it runs and ends.

Tests marked `server` run `python -m notifier serve` as a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import define

import notifier
from cli.drive import notifier_command, told_in_one_line
from notifier.app import HISTORY
from notifier.engine import SqliteEngine
from notifier.secrets import load_keys

SOURCE = Path(notifier.__file__).parents[1]
PATIENCE_S = 20

STUCK_APP = """
import asyncio
import json
from notifier import Notifier

class Stuck(Notifier):
    def attach(self, app, *rest):
        super().attach(app, *rest)
        app.on_shutdown.append(self.never_end)

    async def never_end(self, app):
        await asyncio.Event().wait()

app = Stuck()
"""


# notifier serve: mistakes


def test_serve_is_refused_when_another_server_has_the_history(tmp_path: Path) -> None:
    """
    Two servers on one data directory would not see each other's messages.
    """
    load_keys(tmp_path)
    engine = SqliteEngine(tmp_path / HISTORY, time.time)
    told = told_in_one_line(notifier_command("serve", "--port", "0", "--data-dir", "."))
    assert told.startswith(f"cannot open {tmp_path / HISTORY}: another server uses it")
    asyncio.run(engine.close())


def test_serve_is_refused_when_the_history_is_none(tmp_path: Path) -> None:
    """
    A file that is no database is told with its path.
    """
    load_keys(tmp_path)
    (tmp_path / HISTORY).write_text("no database at all, and long enough to be taken for one" * 20)
    told = told_in_one_line(notifier_command("serve", "--port", "0", "--data-dir", "."))
    assert told == f"cannot open {tmp_path / HISTORY}: file is not a database"


def test_serve_is_refused_when_the_port_is_taken() -> None:
    """
    A port in use is one line that says what to do.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        notifier_command("token", "me")
        told = told_in_one_line(notifier_command("serve", "--port", port))
    assert told.startswith(f"port {port} of 127.0.0.1 is taken by another program")


def test_serve_is_refused_when_the_address_is_not_here() -> None:
    """
    An address of another machine (TEST-NET-3) is one line with the reason.
    """
    notifier_command("token", "me")
    told = told_in_one_line(notifier_command("serve", "--host", "203.0.113.7", "--port", "0"))
    assert told == "cannot listen on 203.0.113.7 port 0: Cannot assign requested address"


@pytest.mark.parametrize("host", ["0.0.0.0", "notices.example"])
def test_demo_is_refused_when_others_could_come(host: str) -> None:
    """
    It hands out tokens; nothing is made before that is seen.
    """
    told = told_in_one_line(notifier_command("serve", "--demo", "--host", host))
    assert told.endswith(f"expected 127.0.0.1, ::1 or localhost as --host, got {host}")
    assert not list(Path.cwd().iterdir())


def test_demo_is_refused_with_an_application_of_ones_own() -> None:
    """
    Its page knows the topics of the one that ships.
    """
    told = told_in_one_line(notifier_command("serve", "--demo", "--app", "chat:app"))
    assert told == "--demo shows the application that ships: leave --app chat:app out"


def test_signals_are_as_before_when_serve_has_ended() -> None:
    """
    A program that calls the command keeps its own handling of signals.
    """
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    notifier_command("serve", "--host", "203.0.113.7", "--port", "0")
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


# notifier serve: a server


@define
class Server:
    """
    A server that runs, and what it has printed.
    """

    process: subprocess.Popen[str]
    welcome: str
    port: int
    stderr: Path

    def log(self) -> str:
        return self.stderr.read_text()

    def stop(self, number: int) -> int:
        """
        Send a signal and return the exit status.
        """
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def request(self, data: bytes) -> bytes:
        """
        Send bytes on a connection of their own; return all that comes back.
        """
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as peer:
            peer.sendall(data)
            return b"".join(iter(lambda: peer.recv(65_536), b""))


@contextmanager
def serving(tmp_path: Path, *words: str) -> Iterator[Server]:
    stderr = tmp_path / "stderr"
    with (
        stderr.open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", "notifier", "serve", "--port", "0", *words],
            env=os.environ | {"PYTHONPATH": str(SOURCE)},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            welcome = "".join(iter(process.stdout.readline, "\n")) + process.stdout.readline()
            port = re.search(r"listens on http://127\.0\.0\.1:(\d+)", welcome)
            assert port is not None, stderr.read_text()
            yield Server(process, welcome, int(port[1]), stderr)
        finally:
            process.kill()


@pytest.mark.server
def test_serve_prints_a_curl_line_that_joins_when_it_is_run(tmp_path: Path) -> None:
    """
    The line to try first works as it is printed, in another directory too.
    """
    (tmp_path / "else where").mkdir()
    with serving(tmp_path, "--data-dir", "my data") as server:
        line = server.welcome.splitlines()[-1].strip()
        answer = subprocess.run(
            ["sh", "-c", line.replace("curl ", "curl -s ", 1)],
            cwd=tmp_path / "else where",
            env=os.environ | {"PYTHONPATH": str(SOURCE)},
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE_S,
        )
    assert line.startswith(f'curl "http://127.0.0.1:{server.port}/socket/longpoll?token=$(')
    assert '"status": 200' in answer.stdout
    assert "phx_reply" in answer.stdout
    assert answer.stderr == ""


@pytest.mark.server
def test_demo_says_what_it_is_and_where_to_look(tmp_path: Path) -> None:
    """
    Only where it is asked for is there a page.
    """
    ask = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with serving(tmp_path, "--demo") as server:
        assert "This is a demo" in server.welcome
        assert server.welcome.splitlines()[-1] == f"    http://127.0.0.1:{server.port}/"
        assert b"Notifier demo" in server.request(ask)
        assert server.stop(signal.SIGTERM) == 0
    with serving(tmp_path) as server:
        assert server.request(ask).startswith(b"HTTP/1.1 404")


@pytest.mark.server
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_exits_with_0_when_it_is_told_to_stop(tmp_path: Path, number: int) -> None:
    """
    SIGTERM and Ctrl-C close the server in good order.
    """
    with serving(tmp_path) as server:
        assert server.stop(number) == 0
    assert "Traceback" not in server.log()
    assert "cut off" not in server.log()


@pytest.mark.server
def test_serve_is_cut_off_when_closing_takes_too_long(tmp_path: Path) -> None:
    """
    An application that never ends is cut off at shutdown_timeout_s, with status 0.
    """
    (tmp_path / "stuck.py").write_text(STUCK_APP)
    (tmp_path / "n.toml").write_text("shutdown_timeout_s = 1")
    with serving(tmp_path, "--app", "stuck:app", "--config", "n.toml") as server:
        assert server.stop(signal.SIGTERM) == 0
    assert "closing took longer than 1 s: the rest was cut off" in server.log()


@pytest.mark.server
def test_serve_ends_at_once_when_ctrl_c_comes_again(tmp_path: Path) -> None:
    """
    A second Ctrl-C waits for nothing.
    """
    (tmp_path / "stuck.py").write_text(STUCK_APP)
    (tmp_path / "n.toml").write_text(f"shutdown_timeout_s = {10 * PATIENCE_S}")
    with serving(tmp_path, "--app", "stuck:app", "--config", "n.toml") as server:
        server.process.send_signal(signal.SIGINT)
        until_refused(server.port)
        assert server.stop(signal.SIGINT) == -signal.SIGINT


def until_refused(port: int) -> None:
    """
    Return once nothing listens on a port.
    """
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), PATIENCE_S).close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            continue  # it waited to be accepted when the port was closed
    raise TimeoutError(f"port {port} is still taken after {PATIENCE_S} s")


@pytest.mark.server
def test_serve_logs_no_request_when_it_cannot_be_read(tmp_path: Path) -> None:
    """
    Requests that aiohttp refuses leave nothing of themselves in the log.
    """
    path = b"/socket/longpoll?token=SECRET"
    requests = [
        b"GET " + path + b" HTTP/9.9\r\n\r\n",
        b"GET " + path + b"\r\n\r\n",
        b"SECRET" + path + b" \x00\x01\r\n\r\n",
        b"GET " + path + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET http://[" + path + b" HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET " + path + b" HTTP/1.1\r\nhost: a\r\nSECRET\x00: SECRET\r\n\r\n",
        b"GET " + path + b" HTTP/1.1\r\nhost: a\r\nx: " + b"SECRET" * 3_000 + b"\r\n\r\n",
        b"POST " + path + b" HTTP/1.1\r\nhost: a\r\ncontent-length: SECRET\r\n\r\n",
        b"POST " + path + b" HTTP/1.1\r\nhost: a\r\ntransfer-encoding: SECRET\r\n\r\n",
        b"GET /socket/websocket?token=SECRET HTTP/1.1\r\nhost: a\r\nconnection: upgrade, close\r\n"
        b"upgrade: websocket\r\nsec-websocket-protocol: SECRET\r\n\r\n",
    ]
    with serving(tmp_path, "--log-level", "debug") as server:
        answers = [server.request(request) for request in requests]
        assert server.stop(signal.SIGTERM) == 0
    assert all(answer.startswith(b"HTTP/") for answer in answers)
    assert "SECRET" not in server.log()
    assert "Traceback" not in server.log()


@pytest.mark.server
def test_server_notices_what_the_command_line_changes(tmp_path: Path) -> None:
    """
    Another process disables a user: the session ends, and connects are refused, until enabled.
    """

    def answer(query: str) -> dict[str, object]:
        head = f"GET /socket/longpoll?{query} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
        return json.loads(server.request(head.encode()).partition(b"\r\n\r\n")[2])

    def until_told(query: str, key: str, *expected: object) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while (got := answer(query)).get(key) not in expected:
            assert time.monotonic() < deadline, (got, server.log())
            time.sleep(0.05)

    with serving(tmp_path, "--app", "examples.host:app") as server:
        token = notifier_command("token", "42").stdout.strip()
        session = answer(f"token={token}&join=room:lobby")["token"]
        assert answer(f"token={notifier_command('token', '43').stdout.strip()}")["reason"] == (
            "plan_lapsed"
        )
        deadline = time.monotonic() + PATIENCE_S
        while notifier_command("user", "disable", "42").exit_code:  # until it has been added
            assert time.monotonic() < deadline
        until_told(f"token={session}", "reason", "disconnected")
        assert answer(f"token={token}")["reason"] == "user_disabled"
        notifier_command("user", "enable", "42")
        until_told(f"token={token}", "status", 410)  # opened
        assert server.stop(signal.SIGTERM) == 0
    assert token not in server.log()
    assert "Traceback" not in server.log()
