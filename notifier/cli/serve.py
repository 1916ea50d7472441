"""
`notifier serve`: the server, from the welcome to the last signal.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

import click
from aiohttp import web

from notifier import demo
from notifier.app import CLIENT_SCRIPT, DATABASE, Notifier, build
from notifier.cli.application import load_app
from notifier.cli.options import file_option, load, load_secret_keys, option, told_as_mistake
from notifier.config import JWT_VARIABLE, Config, Setting, flag, settings
from notifier.errors import ConfigError
from notifier.logs import log_to_stderr
from notifier.notices import UserSocket
from notifier.secrets import load_jwt_secrets
from notifier.server import listen

new_event_loop: Callable[[], asyncio.AbstractEventLoop]
try:
    from uvloop import new_event_loop
except ImportError:  # optional: the standard loop serves too, slower
    from asyncio import new_event_loop

logger = logging.getLogger(__name__)


class _Serve(click.Command):
    """
    Ends its help with every setting there is.
    """

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Settings, as the file spells them"):
            formatter.write_dl([(_as_toml(one), one.doc) for one in settings().values()])


def _as_toml(setting: Setting) -> str:
    match setting.default:
        case None:
            value = '""'
        case tuple():
            value = "[]"
        case str(text):
            value = f'"{text}"'
        case bool(truth):
            value = str(truth).lower()
        case number:
            value = str(number)
    return f"{setting.name} = {value}"


@click.command(cls=_Serve)
@option("host", "ADDRESS")
@option("port", "PORT")
@option("data_dir", "DIRECTORY")
@option("app", "MODULE:ATTRIBUTE")
@option("log_level", "LEVEL")
@click.option("--demo", "is_demo", is_flag=True, help="Show at / what a customer sees; local only.")
@file_option
def serve(file: str | None, is_demo: bool, **flags: str | None) -> None:
    """
    Serve clients until Ctrl-C or SIGTERM.

    \b
        notifier serve --demo
        notifier serve --port 8080
        notifier serve --app examples.chat:app
        NOTIFIER_PORT=8080 notifier serve --config notifier.toml

    A flag counts over the environment, the environment over the file. A second
    Ctrl-C does not wait for anything.
    """
    config = load(flags, file)
    if is_demo:
        _check_demo(config)
    log_to_stderr(config.log_level)
    notifier = load_app(config.app) if config.app else Notifier()
    keys = load_secret_keys(config)
    jwt_secrets = load_jwt_secrets(config.jwt_secret_file, os.environ.get(JWT_VARIABLE))
    with told_as_mistake(config.data_dir / DATABASE):
        app = build(notifier, config, keys.keys, jwt_secrets)
    if is_demo:
        demo.setup(app, notifier.endpoint, CLIENT_SCRIPT)
    welcome = _welcome_to_demo if is_demo else _welcome
    run(notifier, app, config, lambda port: click.echo(welcome(notifier, config, port)))


def _check_demo(config: Config) -> None:
    if not demo.is_local(config.host):
        raise ConfigError(
            "--demo lets in whoever comes, so it listens on this machine alone: "
            f"expected 127.0.0.1, ::1 or localhost as {flag('host')}, got {config.host}"
        )
    if config.app:
        raise ConfigError(
            f"--demo shows the application that ships: leave {flag('app')} {config.app} out"
        )


def _welcome(notifier: Notifier, config: Config, port: int) -> str:
    """
    Tell where the server listens, and the curl line to try first.
    """
    host = _in_url(config.host)
    near = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
    topic = next(iter(notifier.socket_class.channels), "room:*").replace("*", "lobby")
    query = f"join={quote(topic, safe=':')}&pretty=1"
    if issubclass(notifier.socket_class, UserSocket):
        query = f"token=$({_token_command(config)})&{query}"
    return (
        f"Notifier listens on http://{host}:{port}; Ctrl-C stops it.\n"
        f"Try it from another terminal:\n\n"
        f'    curl "http://{near}:{port}{notifier.path}/longpoll?{query}"\n'
    )


def _welcome_to_demo(_notifier: Notifier, config: Config, port: int) -> str:
    """
    Tell that this is a demo, and where to look.
    """
    address = f"http://{_in_url(config.host)}:{port}"
    return (
        f"Notifier listens on {address}; Ctrl-C stops it.\n"
        "This is a demo, which lets in everyone on this machine. Open it in a browser:\n\n"
        f"    {address}/\n"
    )


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _token_command(config: Config) -> str:
    words = ["notifier"] if shutil.which("notifier") else [sys.executable, "-m", "notifier"]
    words += ["token", "me"]
    if config.data_dir != Path(settings()["data_dir"].default):
        words += [flag("data_dir"), str(config.data_dir.absolute())]
    return shlex.join(words)


def run(
    notifier: Notifier, app: web.Application, config: Config, announce: Callable[[int], None]
) -> None:
    """
    Serve until a signal, then close within `shutdown_timeout_s`.

    `announce` is called with the port once connections are taken.
    """
    stop = asyncio.Event()

    async def serve_until_stopped() -> None:
        async with listen(notifier, app, config) as port:
            announce(port)
            await stop.wait()
            logger.info("closing: at most %d s, or Ctrl-C again", config.shutdown_timeout_s)

    runner = asyncio.Runner(loop_factory=new_event_loop)
    ask_to_stop = partial(runner.get_loop().call_soon_threadsafe, stop.set)
    with _stopped_by_signals(ask_to_stop, config.shutdown_timeout_s), runner:
        runner.run(serve_until_stopped())


@contextmanager
def _stopped_by_signals(ask_to_stop: Callable[[], object], bound_s: int) -> Iterator[None]:
    """
    Have SIGINT and SIGTERM ask to stop, once, and keep to the bound from then on.
    """
    # A thread, since what is stuck may be the loop itself.
    watchdog = threading.Timer(bound_s, _cut_off, (bound_s,))
    watchdog.daemon = True

    def on_signal(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # supervisors send it twice
        watchdog.start()
        ask_to_stop()

    before = {one: signal.signal(one, on_signal) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        watchdog.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


def _cut_off(bound_s: int) -> None:
    click.echo(f"closing took longer than {bound_s} s: the rest was cut off", err=True)
    os._exit(0)
