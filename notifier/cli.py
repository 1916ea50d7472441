"""
The command line: arguments, environment, signals.

A mistake of whoever types is one line on stderr and exit status 2; what a
command is asked for is all that goes to stdout.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import logging
import os
import shlex
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from notifier.app import DATABASE, Notifier, build
from notifier.backoffice import OperatorStore
from notifier.cli_client import push, tail
from notifier.config import FILE_VARIABLE, Config, Setting, flag, load_config, settings
from notifier.errors import ConfigError, NotifierError, describe
from notifier.logs import in_one_line, log_to_stderr
from notifier.notices import UserSocket
from notifier.secrets import SecretKeys, load_keys, make_data_dir
from notifier.server import listen
from notifier.session import Tokens, User
from notifier.session.claims import ROLES

new_event_loop: Callable[[], asyncio.AbstractEventLoop]
try:
    from uvloop import new_event_loop
except ImportError:  # optional: the standard loop serves too, slower
    from asyncio import new_event_loop

logger = logging.getLogger(__name__)


class _Mistake(click.ClickException):
    """
    What click shows as one line, to exit with its status for wrong usage.
    """

    exit_code = 2


class _Commands(click.Group):
    """
    Tells a mistake in one line, where click would show a traceback.
    """

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NotifierError as error:
            raise _Mistake(str(error)) from error


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
        case number:
            value = str(number)
    return f"{setting.name} = {value}"


def _option(name: str, metavar: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    setting = settings()[name]
    default = "" if setting.default is None else f"  [default: {setting.default}]"
    return click.option(flag(name), metavar=metavar, help=setting.doc.capitalize() + default)


_file_option = click.option(
    "--config", "file", metavar="FILE", help=f"A TOML file of settings (or {FILE_VARIABLE})"
)


def _version(ctx: click.Context, _option: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        try:
            version = importlib.metadata.version("notifier")
        except importlib.metadata.PackageNotFoundError:
            version = "(not installed)"
        click.echo(f"notifier {version}")
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
def main() -> None:
    """
    Live notices that arrive on any network, for every Phoenix client.

    Start a server, and connect from another terminal:

    \b
        notifier serve
        curl "127.0.0.1:4000/socket/longpoll?token=$(notifier token me)&join=room:lobby&pretty=1"

    Make an operator, who then sends notices from http://127.0.0.1:4000/backoffice:

    \b
        notifier operator add alice

    See what comes, and send something yourself:

    \b
        notifier tail room:lobby --token "$(notifier token me)"

    `notifier COMMAND --help` tells more of each.
    """


@main.command(cls=_Serve)
@_option("host", "ADDRESS")
@_option("port", "PORT")
@_option("data_dir", "DIRECTORY")
@_option("app", "MODULE:ATTRIBUTE")
@_option("log_level", "LEVEL")
@_file_option
def serve(file: str | None, **flags: str | None) -> None:
    """
    Serve clients until Ctrl-C or SIGTERM.

    \b
        notifier serve --port 8080
        notifier serve --app examples.chat:app
        NOTIFIER_PORT=8080 notifier serve --config notifier.toml

    A flag counts over the environment, the environment over the file. A second
    Ctrl-C does not wait for anything.
    """
    config = _load(flags, file)
    log_to_stderr(config.log_level)
    notifier = load_app(config.app) if config.app else Notifier()
    keys = _load_keys(config)
    with _told_as_mistake(config.data_dir / DATABASE):
        app = build(notifier, config, keys.keys)
    run(notifier, app, config, lambda port: click.echo(_welcome(notifier, config, port)))


@main.command()
@click.argument("user")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default=ROLES[0],
    show_default=True,
    help="An operator may send notices too.",
)
@click.option(
    "--max-age",
    type=click.IntRange(min=1),
    metavar="SECONDS",
    help="How long it is good; token_max_age_s of the server where it is left out.",
)
@_option("data_dir", "DIRECTORY")
@_file_option
def token(user: str, role: str, max_age: int | None, file: str | None, **flags: str | None) -> None:
    """
    Print a token with which USER, any name or number, connects.

    \b
        notifier token 42
        notifier token alice --role operator --max-age 3600

    It is signed with the secret keys in the data directory, which are made
    when there are none. Only a server with the same keys takes it.
    """
    config = _load(flags, file)
    tokens = Tokens(_load_keys(config).keys, time.time, config.token_max_age_s)
    try:
        click.echo(tokens.sign_user(User(user, role), max_age))
    except ValueError as error:
        raise ConfigError(str(error)) from error


@main.group()
def operator() -> None:
    """
    Keep the operators, who send notices from the back office.
    """


@operator.command("add")
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@_option("data_dir", "DIRECTORY")
@_file_option
def operator_add(name: str, password_stdin: bool, file: str | None, **flags: str | None) -> None:
    """
    Add an operator called NAME; asks for the password twice.

    \b
        notifier operator add alice
        printf '%s' "$PASSWORD" | notifier operator add alice --password-stdin
    """
    config = _load(flags, file)
    password = (
        _read_password()
        if password_stdin
        else click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    )
    make_data_dir(config.data_dir)
    database = config.data_dir / DATABASE
    with _told_as_mistake(database):
        try:
            OperatorStore(database).add(name, password)
        except ValueError as error:
            raise ConfigError(str(error)) from error
    click.echo(f"{name} can sign in at /backoffice now")


main.add_command(tail)
main.add_command(push)


def _load(flags: dict[str, str | None], file: str | None) -> Config:
    return load_config(flags, os.environ, None if file is None else Path(file))


def _load_keys(config: Config) -> SecretKeys:
    keys = load_keys(config.data_dir)
    if keys.made_new:
        click.echo(f"note: made a new secret key in {keys.path}", err=True)
    return keys


def _read_password() -> str:
    try:
        return sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        # The error's own text shows a byte of the password.
        raise ConfigError("expected the password in UTF-8, got other bytes") from None


@contextmanager
def _told_as_mistake(database: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SQLAlchemyError) as error:
        why = getattr(error, "strerror", None) or getattr(error, "orig", None) or error
        raise ConfigError(f"cannot use the database {database.absolute()}: {why}") from error


def load_app(place: str) -> Notifier:
    """
    Import the Notifier at `module:attribute`, from here or installed.

    Raises ConfigError telling what was expected and what is there.
    """
    module_name, _, path = place.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    found: object = _import(module_name)
    for name in path.split("."):
        if not hasattr(found, name):
            near = ", ".join(get_close_matches(name, dir(found))) or "nothing like it"
            raise ConfigError(
                f"--app: expected a Notifier at {place}, got no {name!r} there (but {near})"
            )
        found = getattr(found, name)
    if not isinstance(found, Notifier):
        raise ConfigError(
            f"--app: expected a Notifier at {place}, such as app = Notifier(YourSocket), "
            f"got {describe(found)}"
        )
    return found


def _import(module_name: str) -> object:
    try:
        return importlib.import_module(module_name)
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        # A module that is missing inside the application is the application's failure.
        if missing and f"{module_name}.".startswith(f"{missing}."):
            raise ConfigError(
                f"--app: expected a module that Python finds from {os.getcwd()}, "
                f"got {module_name!r}: there is no {missing!r}"
            ) from error
        raise ConfigError(f"--app: {module_name} failed: {in_one_line(error)}") from error


def _welcome(notifier: Notifier, config: Config, port: int) -> str:
    """
    Tell where the server listens, and the curl line to try first.
    """
    host = f"[{config.host}]" if ":" in config.host else config.host
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
