"""
`notifier token`: a user token, made here.
"""

from __future__ import annotations

import time

import click

from notifier.accounts import Account, UserStore
from notifier.app import DATABASE
from notifier.cli.options import file_option, load, load_secret_keys, option, told_as_mistake
from notifier.config import Config
from notifier.errors import ConfigError
from notifier.session import Tokens, User
from notifier.session.claims import ROLES, check_user_id


@click.command()
@click.argument("user")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    help="An operator may send notices too; that of the user's account where it is left out.",
)
@click.option(
    "--max-age",
    type=click.IntRange(min=1),
    metavar="SECONDS",
    help="How long it is good; token_max_age_s of the server where it is left out.",
)
@option("data_dir", "DIRECTORY")
@file_option
def token(
    user: str, role: str | None, max_age: int | None, file: str | None, **flags: str | None
) -> None:
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
        account = _account(config, check_user_id(user))
        role = role or (ROLES[0] if account is None else account.role)
        click.echo(tokens.sign_user(User(user, role), max_age))
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _account(config: Config, user: str) -> Account | None:
    """
    Find the user's account, if there is one; warn if the token will open nothing.
    """
    database = config.data_dir / DATABASE
    if not database.exists():
        return None
    with told_as_mistake(database):
        account = UserStore(database).get(user)
    if account is None:
        return None
    if account.is_disabled:
        click.echo("note: this user is disabled, and no token opens until it is enabled", err=True)
    _await_revocation(account)
    return account


def _await_revocation(account: Account) -> None:
    """
    Let the second pass in which tokens were revoked: one signed in it is void.
    """
    left_s = (account.revoked_at or 0) + 1 - time.time()
    if 0 < left_s <= 1:
        time.sleep(left_s)
    elif left_s > 1:
        click.echo("note: tokens are revoked up to a later time: is the clock right?", err=True)
