"""
The command line: what each command prints, and how a mistake is told.

Tests marked `server` run `python -m notifier serve` as a process of its own.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import define
from click.testing import CliRunner, Result

import notifier
from notifier.app import DATABASE, HISTORY
from notifier.backoffice import OperatorStore
from notifier.cli import load_app, main
from notifier.engine import SqliteEngine
from notifier.errors import ConfigError
from notifier.secrets import KEY_FILE, load_keys
from notifier.session import Tokens, User

SOURCE = Path(notifier.__file__).parents[1]
PASSWORD = "correct horse battery"
PATIENCE_S = 20

STUCK_APP = """
import asyncio
from notifier import Notifier

class Stuck(Notifier):
    def attach(self, app, *rest):
        super().attach(app, *rest)
        app.on_shutdown.append(self.never_end)

    async def never_end(self, app):
        await asyncio.Event().wait()

app = Stuck()
"""


@pytest.fixture(autouse=True)
def _clean_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """
    Start in an empty directory with no settings, and leave the process as it was.
    """
    for name in [name for name in os.environ if name.startswith("NOTIFIER_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


def notifier_command(*words: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, words, input=stdin, prog_name="notifier")


def told_in_one_line(result: Result) -> str:
    """
    Check that a mistake was told as it should be, and return how.
    """
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("Error: ").rstrip("\n")


def tokens(data_dir: Path, now: float | None = None) -> Tokens:
    return Tokens(load_keys(data_dir).keys, lambda: now or time.time(), 86_400)


# The commands as a whole


def test_help_shows_how_to_begin_when_it_is_asked_for() -> None:
    """
    A newcomer sees the commands to type first.
    """
    shown = notifier_command("--help").stdout
    assert all(part in shown for part in ("notifier serve", "curl", "notifier operator add alice"))


def test_serve_help_lists_every_setting_when_it_is_asked_for() -> None:
    """
    The help of serve shows settings that have no flag too, as the file spells them.
    """
    shown = notifier_command("serve", "--help").stdout
    assert all(part in shown for part in ("port = 4000", "check_origin = []", "window_ms = 10000"))


def test_version_is_told_when_it_is_asked_for() -> None:
    """
    --version prints one line and ends.
    """
    result = notifier_command("--version")
    assert (result.exit_code, result.stdout.count("\n")) == (0, 1)
    assert result.stdout.startswith("notifier ")


def test_flag_is_refused_when_it_is_misspelt() -> None:
    """
    A misspelt flag is answered with the ones that are near.
    """
    result = notifier_command("serve", "--prot", "1")
    assert result.exit_code == 2
    assert "--port" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("words", [("serve",), ("token", "me"), ("operator", "add", "alice")])
def test_variable_is_refused_when_it_is_misspelt(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Every command refuses a NOTIFIER_ variable that is no setting.
    """
    monkeypatch.setenv("NOTIFIER_DATADIR", "elsewhere")
    assert "NOTIFIER_DATA_DIR" in told_in_one_line(notifier_command(*words))


# notifier token


def test_token_is_printed_alone_when_there_are_keys(tmp_path: Path) -> None:
    """
    Standard output is the token, for $(…); nothing else is said.
    """
    notifier_command("token", "me")
    result = notifier_command("token", "me")
    assert result.stderr == ""
    assert re.fullmatch(r"\S+\n", result.stdout)
    assert tokens(tmp_path / "notifier-data").verify_user(result.stdout.strip()) == User("me")


def test_token_says_where_when_it_makes_the_keys(tmp_path: Path) -> None:
    """
    New keys are told on standard error, with the whole path and without the key.
    """
    result = notifier_command("token", "me")
    path = tmp_path / "notifier-data" / KEY_FILE
    assert str(path) in result.stderr
    assert path.read_text().strip() not in result.output
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_token_has_the_role_when_one_is_asked_for(tmp_path: Path) -> None:
    """
    --role operator makes an operator's token.
    """
    token = notifier_command("token", "me", "--role", "operator").stdout.strip()
    assert tokens(tmp_path / "notifier-data").verify_user(token).role == "operator"


def test_token_expires_when_its_age_is_over(tmp_path: Path) -> None:
    """
    --max-age counts over the age that the server allows.
    """
    token = notifier_command("token", "me", "--max-age", "60").stdout.strip()
    later = tokens(tmp_path / "notifier-data", time.time() + 62)
    with pytest.raises(notifier.errors.TokenError, match="expired"):
        later.verify_user(token)


def test_token_is_of_the_data_dir_when_one_is_named(tmp_path: Path) -> None:
    """
    --data-dir chooses the keys.
    """
    token = notifier_command("token", "me", "--data-dir", "other").stdout.strip()
    assert tokens(tmp_path / "other").verify_user(token) == User("me")
    assert not (tmp_path / "notifier-data").exists()


def test_token_is_of_the_data_dir_when_the_file_names_one(tmp_path: Path) -> None:
    """
    --config names the file, and the file the data directory.
    """
    (tmp_path / "n.toml").write_text('data_dir = "other"')
    notifier_command("token", "me", "--config", "n.toml")
    assert (tmp_path / "other" / KEY_FILE).exists()


def test_token_is_refused_when_the_user_is_empty() -> None:
    """
    A user without a name is told as a mistake.
    """
    notifier_command("token", "me")
    assert "user id" in told_in_one_line(notifier_command("token", ""))


def test_token_is_refused_when_others_can_read_the_keys(tmp_path: Path) -> None:
    """
    Keys that are open to others are told with the command that mends it.
    """
    notifier_command("token", "me")
    (tmp_path / "notifier-data" / KEY_FILE).chmod(0o644)
    assert "chmod 600" in told_in_one_line(notifier_command("token", "me"))


# notifier operator add


def test_operator_can_sign_in_when_the_password_was_typed_twice(tmp_path: Path) -> None:
    """
    The password is asked for twice and never shown.
    """
    result = notifier_command("operator", "add", "alice", stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 0
    assert PASSWORD not in result.output
    assert OperatorStore(tmp_path / "notifier-data" / DATABASE).verify("alice", PASSWORD)


def test_operator_can_sign_in_when_the_password_came_by_stdin(tmp_path: Path) -> None:
    """
    --password-stdin reads one line, with or without its end.
    """
    for name, end in (("alice", "\n"), ("bob", "")):
        stdin = PASSWORD + end
        notifier_command("operator", "add", name, "--password-stdin", stdin=stdin)
    store = OperatorStore(tmp_path / "notifier-data" / DATABASE)
    assert store.verify("alice", PASSWORD)
    assert store.verify("bob", PASSWORD)


def test_data_dir_is_the_owners_alone_when_an_operator_makes_it(tmp_path: Path) -> None:
    """
    The first command to use the data directory makes it for its owner alone.
    """
    notifier_command("operator", "add", "alice", "--password-stdin", stdin=PASSWORD)
    assert stat.S_IMODE((tmp_path / "notifier-data").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("name", "stdin", "told"),
    [
        ("alice", PASSWORD.encode(), "an operator named 'alice' exists already"),
        ("bob", b"short", "password must have at least"),
        ("bob", b"", "password must have at least"),
        ("bob", b"\xff" * 20, "expected the password in UTF-8, got other bytes"),
        ("", PASSWORD.encode(), "name must have 1 to"),
    ],
)
def test_operator_is_refused_when_name_or_password_will_not_do(
    name: str, stdin: bytes, told: str
) -> None:
    """
    What is wrong with a name or a password is told in one line.
    """
    notifier_command("operator", "add", "alice", "--password-stdin", stdin=PASSWORD)
    result = notifier_command("operator", "add", name, "--password-stdin", stdin=stdin)
    assert told_in_one_line(result).startswith(told)


def test_operator_is_refused_when_the_database_is_none(tmp_path: Path) -> None:
    """
    A file that is no database is told with its path.
    """
    (tmp_path / DATABASE).write_text("no database at all, and long enough to be taken for one")
    result = notifier_command(
        "operator", "add", "alice", "--password-stdin", "--data-dir", ".", stdin=PASSWORD
    )
    assert told_in_one_line(result).startswith(f"cannot use the database {tmp_path / DATABASE}: ")


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


def test_app_is_loaded_when_it_stands_in_the_current_directory(tmp_path: Path) -> None:
    """
    A module beside which the command is typed is found, below a class too.
    """
    (tmp_path / "found_app.py").write_text(
        "from notifier import Notifier\nclass Held:\n    app = Notifier(path='/x')\n"
    )
    assert load_app("found_app:Held.app").path == "/x"


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("no_such:app", "got 'no_such': there is no 'no_such'"),
        ("notifier.no_such:app", "there is no 'notifier.no_such'"),
        ("notifier:Notifer", "got no 'Notifer' there (but Notifier"),
        ("notifier:qqqqqq", "got no 'qqqqqq' there (but nothing like it)"),
        ("notifier:UserSocket", "app = Notifier(YourSocket), got the class UserSocket"),
        ("sys:path", "app = Notifier(YourSocket), got a list of"),
        ("sys", "expected module:attribute"),
    ],
)
def test_app_is_refused_when_it_is_no_notifier(place: str, told: str) -> None:
    """
    A wrong --app is answered with what was expected and what is there.
    """
    assert told in told_in_one_line(notifier_command("serve", "--app", place))


@pytest.mark.parametrize(
    ("name", "source", "told"),
    [
        ("needs_more", "import no_such_module", "ModuleNotFoundError: No module named"),
        ("misspells", "\nNotifer()", "NameError: name 'Notifer' is not defined (at"),
        ("unfinished", "def app(", "SyntaxError: '(' was never closed (unfinished.py, line 1)"),
    ],
)
def test_app_is_refused_when_its_module_fails(
    tmp_path: Path, name: str, source: str, told: str
) -> None:
    """
    A module that raises is told with its error and the line, without a traceback.
    """
    (tmp_path / f"{name}.py").write_text(source)
    with pytest.raises(ConfigError) as caught:
        load_app(f"{name}:app")
    assert f"--app: {name} failed: {told}" in str(caught.value)
    assert "importlib" not in str(caught.value)


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
