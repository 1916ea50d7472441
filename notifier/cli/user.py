"""
`notifier user`: who may connect, and who may not any more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from notifier.accounts import Account, UserStore, UserUnknown
from notifier.app import DATABASE
from notifier.cli.options import file_option, load, option, told_as_mistake
from notifier.cli.times import when
from notifier.errors import ConfigError
from notifier.secrets import make_data_dir
from notifier.session.claims import ROLES

PAGE = 500

_Command = Callable[..., Any]


@click.group()
def user() -> None:
    """
    Keep the users: who may connect, and who may not any more.

    Whoever comes with a good token is added, unless create_users is false. A
    running server notices a change within about a second, and then ends the
    sessions of a user who is disabled or revoked.
    """


def _options(command: _Command) -> _Command:
    as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, a line a user.")
    for one in (file_option, option("data_dir", "DIRECTORY"), as_json):
        command = one(command)
    return command


@contextmanager
def _users(file: str | None, flags: dict[str, str | None]) -> Iterator[UserStore]:
    """
    Open the users; a mistake is told in one line.
    """
    config = load(flags, file)
    make_data_dir(config.data_dir)
    database = config.data_dir / DATABASE
    with told_as_mistake(database):
        try:
            yield UserStore(database)
        except UserUnknown as error:
            raise ConfigError(f"{error}: `notifier user add` adds one") from error
        except ValueError as error:
            raise ConfigError(str(error)) from error


@user.command("add")
@click.argument("id")
@click.option("--name", metavar="NAME", help="What people call the user.")
@click.option("--role", type=click.Choice(ROLES), default=ROLES[0], show_default=True)
@_options
def user_add(
    id: str, name: str | None, role: str, as_json: bool, file: str | None, **flags: str | None
) -> None:
    """
    Add a user with this ID, any name or number.

    \b
        notifier user add 42 --name "Ann Lee"
    """
    with _users(file, flags) as users:
        _print(users.create(id, name, role), as_json)


@user.command("list")
@click.option("--after", default="", metavar="ID", help="Begin after this user.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Print so many at most.")
@_options
def user_list(
    after: str, limit: int | None, as_json: bool, file: str | None, **flags: str | None
) -> None:
    """
    Print the users in the order of their ids: id, role, state, name.
    """
    left = limit
    with _users(file, flags) as users:
        while page := users.page(PAGE if left is None else min(left, PAGE), after):
            for account in page:
                _print(account, as_json)
            after = page[-1].id
            left = None if left is None else left - len(page)
            if left == 0:
                return


@user.command("show")
@click.argument("id")
@_options
def user_show(id: str, as_json: bool, file: str | None, **flags: str | None) -> None:
    """
    Print one user.
    """
    with _users(file, flags) as users:
        _print(users.get_or_raise(id), as_json)


@user.command("disable")
@click.argument("id")
@_options
def user_disable(id: str, as_json: bool, file: str | None, **flags: str | None) -> None:
    """
    Keep a user out, and end its sessions, until `notifier user enable`.
    """
    with _users(file, flags) as users:
        _print(users.disable(id), as_json)


@user.command("enable")
@click.argument("id")
@_options
def user_enable(id: str, as_json: bool, file: str | None, **flags: str | None) -> None:
    """
    Let a user in again; tokens that were revoked stay void.
    """
    with _users(file, flags) as users:
        _print(users.enable(id), as_json)


@user.command("revoke")
@click.argument("id")
@_options
def user_revoke(id: str, as_json: bool, file: str | None, **flags: str | None) -> None:
    """
    Make void all tokens of a user that were issued up to now, and end its sessions.

    A token that is issued later is good: to keep the user out, disable it.
    """
    with _users(file, flags) as users:
        _print(users.revoke(id), as_json)


def _print(account: Account, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_as_json(account), ensure_ascii=False))
        return
    state = "disabled" if account.is_disabled else "enabled"
    if account.revoked_at is not None:
        state += f", tokens void up to {when(account.revoked_at)}"
    # An id is the host application's: what would move a terminal's cursor is shown escaped.
    id = account.id if account.id.isprintable() else json.dumps(account.id)
    click.echo("\t".join(filter(None, (id, account.role, state, account.name))))


def _as_json(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "name": account.name,
        "role": account.role,
        "disabled": account.is_disabled,
        "revoked_at": when(account.revoked_at),
        "created_at": when(account.created_at),
    }
