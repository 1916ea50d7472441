"""
What several commands take, and how what it names is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from sqlalchemy.exc import SQLAlchemyError

from notifier.config import FILE_VARIABLE, Config, flag, load_config, settings
from notifier.errors import ConfigError
from notifier.secrets import SecretKeys, load_keys


def option(name: str, metavar: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    setting = settings()[name]
    default = "" if setting.default is None else f"  [default: {setting.default}]"
    return click.option(flag(name), metavar=metavar, help=setting.doc.capitalize() + default)


file_option = click.option(
    "--config", "file", metavar="FILE", help=f"A TOML file of settings (or {FILE_VARIABLE})"
)


def load(flags: dict[str, str | None], file: str | None) -> Config:
    return load_config(flags, os.environ, None if file is None else Path(file))


def load_secret_keys(config: Config) -> SecretKeys:
    keys = load_keys(config.data_dir)
    if keys.made_new:
        click.echo(f"note: made a new secret key in {keys.path}", err=True)
    return keys


@contextmanager
def told_as_mistake(database: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SQLAlchemyError) as error:
        why = getattr(error, "strerror", None) or getattr(error, "orig", None) or error
        raise ConfigError(f"cannot use the database {database.absolute()}: {why}") from error
