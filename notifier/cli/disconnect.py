"""
`notifier disconnect`: ends a user's sessions on a running server.
"""

from __future__ import annotations

from urllib.parse import quote

import click

from notifier.cli.client import Misused, told
from notifier.cli.remote import Remote, remote_options, show


@click.command()
@click.argument("user")
@remote_options
@told
def disconnect(user: str, url: str, key: str | None, timeout: float, is_json: bool) -> None:
    """
    End the sessions of USER, who may come back: see `notifier user disable`.

    \b
        NOTIFIER_API_KEY=… notifier disconnect 42

    It asks the HTTP API of a running server.
    """
    try:
        path = f"/users/{quote(user, safe='')}/disconnect"
    except UnicodeEncodeError as error:
        raise Misused("expected a USER in UTF-8, got other bytes") from error
    answer = Remote(url, key, timeout).ask("POST", path)
    show(answer, f"{answer.get('ended', 0)} sessions ended", is_json=is_json)
