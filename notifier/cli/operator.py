"""
`notifier operator`: who may sign in to the back office.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import orjson

from notifier.app import DATABASE
from notifier.backoffice import (
    COMMAND_LINE,
    ROLES,
    Act,
    AuditLog,
    Operator,
    OperatorStore,
    OperatorUnknown,
)
from notifier.cli.options import file_option, load, option, told_as_mistake
from notifier.cli.times import when
from notifier.errors import ConfigError
from notifier.secrets import make_data_dir

_Command = Callable[..., Any]


@click.group()
def operator() -> None:
    """
    Keep the operators, who send notices from the back office.

    A running server knows of a change at once. What is done here stands in the
    audit trail as done by the command line.
    """


def _options(command: _Command) -> _Command:
    for one in (file_option, option("data_dir", "DIRECTORY")):
        command = one(command)
    return command


def _password_option(command: _Command) -> _Command:
    words = "Read the password from standard input."
    return click.option("--password-stdin", is_flag=True, help=words)(command)


@operator.command("add")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    help="What the operator may. The first one is an admin where it is left out.",
)
@_password_option
@_options
def operator_add(
    name: str, role: str | None, password_stdin: bool, file: str | None, **flags: str | None
) -> None:
    """
    Add an operator called NAME; asks for the password twice.

    \b
        notifier operator add alice
        printf '%s' "$PASSWORD" | notifier operator add alice --password-stdin

    An operator sends notices and throws users out; an admin also keeps operators,
    users and API keys, and reads the audit trail.
    """
    with _store(flags, file) as (store, audit):
        added = store.add(name, _ask(password_stdin), role)
        audit.note(COMMAND_LINE, Act.OPERATOR_ADDED, added.name, added.role)
    article = "an admin" if added.is_admin else "an operator"
    click.echo(f"{added.name} can sign in at /backoffice now, as {article}")


@operator.command("list")
@click.option("--json", "is_json", is_flag=True, help="Print JSON.")
@_options
def operator_list(is_json: bool, file: str | None, **flags: str | None) -> None:
    """
    List the operators.
    """
    with _store(flags, file) as (store, _):
        operators = store.list()
    if is_json:
        click.echo(orjson.dumps([_described(one) for one in operators]))
        return
    for one in operators:
        last = f"signed in {when(one.signed_in_at)}" if one.signed_in_at else "never signed in"
        click.echo(f"{one.name}: {one.role}; added {when(one.created_at)}, {last}")


@operator.command("password")
@click.argument("name")
@_password_option
@_options
def operator_password(
    name: str, password_stdin: bool, file: str | None, **flags: str | None
) -> None:
    """
    Change the password of an operator, which ends all log-ins; asks for it twice.
    """
    with _store(flags, file) as (store, audit):
        changed = _find(store, name)
        store.set_password(changed, _ask(password_stdin))
        audit.note(COMMAND_LINE, Act.PASSWORD_CHANGED, changed)
    click.echo(f"{changed} has a new password, and is signed out everywhere")


@operator.command("remove")
@click.argument("name")
@_options
def operator_remove(name: str, file: str | None, **flags: str | None) -> None:
    """
    Take an operator out, which ends all log-ins; the last admin stays.
    """
    with _store(flags, file) as (store, audit):
        removed = _find(store, name)
        store.remove(removed)
        audit.note(COMMAND_LINE, Act.OPERATOR_REMOVED, removed)
    click.echo(f"{removed} cannot sign in any more")


@operator.command("sign-out")
@click.argument("name")
@_options
def operator_sign_out(name: str, file: str | None, **flags: str | None) -> None:
    """
    End all log-ins of an operator, who may sign in again.
    """
    with _store(flags, file) as (store, audit):
        signed_out = _find(store, name)
        store.sign_out_everywhere(signed_out)
        audit.note(COMMAND_LINE, Act.SIGNED_OUT_EVERYWHERE, signed_out)
    click.echo(f"{signed_out} is signed out everywhere")


@contextmanager
def _store(
    flags: dict[str, str | None], file: str | None
) -> Iterator[tuple[OperatorStore, AuditLog]]:
    """
    Open the operators and the trail; a mistake is told in one line.
    """
    config = load(flags, file)
    make_data_dir(config.data_dir)
    database: Path = config.data_dir / DATABASE
    with told_as_mistake(database):
        try:
            yield OperatorStore(database), AuditLog(database)
        except OperatorUnknown as error:
            raise ConfigError(f"{error}: `notifier operator list` tells who there is") from error
        except ValueError as error:
            raise ConfigError(str(error)) from error


def _find(store: OperatorStore, name: str) -> str:
    """
    Find the name as it is kept, before anything is asked for or changed.
    """
    found = store.get(name)
    if found is None:
        raise OperatorUnknown(name)
    return found.name


def _ask(password_stdin: bool) -> str:
    if not password_stdin:
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return asked
    try:
        return sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        # The error's own text shows a byte of the password.
        raise ConfigError("expected the password in UTF-8, got other bytes") from None


def _described(one: Operator) -> dict[str, Any]:
    return {
        "name": one.name,
        "role": one.role,
        "created_at": when(one.created_at),
        "signed_in_at": when(one.signed_in_at),
    }
