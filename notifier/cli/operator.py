"""
`notifier operator`: who may sign in to the back office.
"""

from __future__ import annotations

import sys

import click

from notifier.app import DATABASE
from notifier.backoffice import OperatorStore
from notifier.cli.options import file_option, load, option, told_as_mistake
from notifier.errors import ConfigError
from notifier.secrets import make_data_dir


@click.group()
def operator() -> None:
    """
    Keep the operators, who send notices from the back office.
    """


@operator.command("add")
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@option("data_dir", "DIRECTORY")
@file_option
def operator_add(name: str, password_stdin: bool, file: str | None, **flags: str | None) -> None:
    """
    Add an operator called NAME; asks for the password twice.

    \b
        notifier operator add alice
        printf '%s' "$PASSWORD" | notifier operator add alice --password-stdin
    """
    config = load(flags, file)
    password = (
        _read_password()
        if password_stdin
        else click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    )
    make_data_dir(config.data_dir)
    database = config.data_dir / DATABASE
    with told_as_mistake(database):
        try:
            OperatorStore(database).add(name, password)
        except ValueError as error:
            raise ConfigError(str(error)) from error
    click.echo(f"{name} can sign in at /backoffice now")


def _read_password() -> str:
    try:
        return sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        # The error's own text shows a byte of the password.
        raise ConfigError("expected the password in UTF-8, got other bytes") from None
