"""
`notifier apikey`: keeps the keys with which a host application calls the API.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import orjson

from notifier.api import SCOPES, ApiKey, ApiKeyStore
from notifier.app import DATABASE
from notifier.cli.options import file_option, load, option, told_as_mistake
from notifier.cli.times import when
from notifier.errors import ConfigError
from notifier.secrets import make_data_dir

_as_json = click.option("--json", "is_json", is_flag=True, help="Print JSON.")


@click.group()
def apikey() -> None:
    """
    Keep the keys with which a host application calls the API.
    """


@apikey.command("add")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(tuple(SCOPES)),
    multiple=True,
    help="What the key may do; several times for several. All of it where it is left out.",
)
@_as_json
@option("data_dir", "DIRECTORY")
@file_option
def add(
    name: str, scopes: tuple[str, ...], is_json: bool, file: str | None, **flags: str | None
) -> None:
    """
    Make a key called NAME and print it: it is shown this once.

    \b
        notifier apikey add shop
        notifier apikey add newsletter --scope notices --scope read

    A running server takes it within a second.
    """
    with _store(flags, file) as store:
        key = store.add(name, scopes or tuple(SCOPES))
    if is_json:
        _print({"name": name.strip(), "scopes": list(scopes or SCOPES), "key": key})
    else:
        click.echo(key)


@apikey.command("list")
@_as_json
@option("data_dir", "DIRECTORY")
@file_option
def list_(is_json: bool, file: str | None, **flags: str | None) -> None:
    """
    List the keys, without what is secret of them.
    """
    with _store(flags, file) as store:
        keys = store.list()
    if is_json:
        _print([_described(key) for key in keys])
        return
    for key in keys:
        used = f"used {when(key.last_used_at)}" if key.last_used_at else "never used"
        state = f"revoked {when(key.revoked_at)}" if key.revoked_at else used
        click.echo(f"{key.name}: {', '.join(key.scopes)}; made {when(key.created_at)}, {state}")


@apikey.command("revoke")
@click.argument("name")
@_as_json
@option("data_dir", "DIRECTORY")
@file_option
def revoke(name: str, is_json: bool, file: str | None, **flags: str | None) -> None:
    """
    Refuse the key called NAME from now on; a running server does within a second.
    """
    with _store(flags, file) as store:
        if not store.revoke(name):
            raise ValueError(f"expected the name of a key in use, got {name!r}")
    if is_json:
        _print({"name": name, "revoked": True})
    else:
        click.echo(f"the key {name} is refused from now on")


@contextmanager
def _store(flags: dict[str, str | None], file: str | None) -> Iterator[ApiKeyStore]:
    config = load(flags, file)
    make_data_dir(config.data_dir)
    database = config.data_dir / DATABASE
    with told_as_mistake(database):
        try:
            yield ApiKeyStore(database)
        except ValueError as error:
            raise ConfigError(str(error)) from error


def _described(key: ApiKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "scopes": list(key.scopes),
        "created_at": when(key.created_at),
        "last_used_at": when(key.last_used_at),
        "revoked_at": when(key.revoked_at),
    }


def _print(value: object) -> None:
    click.echo(orjson.dumps(value))
