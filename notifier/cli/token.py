"""
`notifier token`: a user token, made here.
"""

from __future__ import annotations

import time

import click

from notifier.cli.options import file_option, load, load_secret_keys, option
from notifier.errors import ConfigError
from notifier.session import Tokens, User
from notifier.session.claims import ROLES


@click.command()
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
@option("data_dir", "DIRECTORY")
@file_option
def token(user: str, role: str, max_age: int | None, file: str | None, **flags: str | None) -> None:
    """
    Print a token with which USER, any name or number, connects.

    \b
        notifier token 42
        notifier token alice --role operator --max-age 3600

    It is signed with the secret keys in the data directory, which are made
    when there are none. Only a server with the same keys takes it.
    """
    config = load(flags, file)
    tokens = Tokens(load_secret_keys(config).keys, time.time, config.token_max_age_s)
    try:
        click.echo(tokens.sign_user(User(user, role), max_age))
    except ValueError as error:
        raise ConfigError(str(error)) from error
