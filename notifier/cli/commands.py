"""
All the commands, under one name.
"""

from __future__ import annotations

import importlib.metadata
from typing import Any

import click

from notifier.cli.apikey import apikey
from notifier.cli.check import check
from notifier.cli.client import push, tail
from notifier.cli.disconnect import disconnect
from notifier.cli.notice import notice
from notifier.cli.operator import operator
from notifier.cli.serve import serve
from notifier.cli.token import token
from notifier.cli.user import user
from notifier.errors import NotifierError


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

    Keep somebody out:

    \b
        notifier user disable bob

    See what comes, and send something yourself:

    \b
        notifier tail room:lobby --token "$(notifier token me)"

    `notifier COMMAND --help` tells more of each.
    """


for command in (serve, check, token, user, operator, apikey, notice, disconnect, tail, push):
    main.add_command(command)
