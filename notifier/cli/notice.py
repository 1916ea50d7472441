"""
`notifier notice`: sends notices through a running server, and tells what became of them.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from notifier.cli.client import Misused, told
from notifier.cli.remote import Remote, remote_options, show
from notifier.inbox.notice import LEVELS


@click.group()
def notice() -> None:
    """
    Send notices, and see what became of them.
    """


@notice.command("send")
@click.argument("body")
@click.option("--user", "users", multiple=True, metavar="USER", help="To this user; repeatable.")
@click.option("--room", metavar="TOPIC", help="To who is in a room, such as room:lobby.")
@click.option("--all", "to_all", is_flag=True, help="To everyone.")
@click.option("--level", type=click.Choice(tuple(LEVELS)), help="How much it matters.")
@click.option("--title", help="A line above it.")
@click.option("--link", metavar="URL", help="Where it leads: http or https.")
@click.option("--expires-at", metavar="TIME", help="When it is over, as 2026-12-24T18:00:00Z.")
@click.option("--from", "sender", help="Whom it is from; the key's name where it is left out.")
@remote_options
@told
def send(
    body: str,
    users: tuple[str, ...],
    room: str | None,
    to_all: bool,
    sender: str | None,
    url: str,
    key: str | None,
    timeout: float,
    is_json: bool,
    **more: str | None,
) -> None:
    """
    Send a notice that says BODY, and print its id.

    \b
        notifier notice send "Your parcel has left." --user 42
        notifier notice send "Maintenance at ten." --all --level warning
    """
    if (bool(users) + (room is not None) + to_all) != 1:
        raise Misused("expected one of --user, --room and --all, got none or several")
    to: Any = {"users": list(users)} if users else {"room": room} if room is not None else "all"
    fields = {name: value for name, value in {**more, "from": sender}.items() if value is not None}
    answer = Remote(url, key, timeout).ask("POST", "/notices", {"to": to, "body": body, **fields})
    show(answer, str(answer.get("id")), is_json=is_json)


@notice.command("status")
@click.argument("id")
@remote_options
@told
def status(id: str, url: str, key: str | None, timeout: float, is_json: bool) -> None:
    """
    Tell what became of the notice ID: whom it reached, and who has read it.
    """
    answer = Remote(url, key, timeout).ask("GET", f"/notices/{quote(id, safe='')}")
    text = "\n".join(f"{name:<12} {value}" for name, value in answer.items())
    show(answer, text, is_json=is_json)


@notice.command("withdraw")
@click.argument("id")
@remote_options
@told
def withdraw(id: str, url: str, key: str | None, timeout: float, is_json: bool) -> None:
    """
    Take the notice ID back: it is delivered to nobody any more.
    """
    answer = Remote(url, key, timeout).ask("POST", f"/notices/{quote(id, safe='')}/withdraw")
    show(answer, f"{id} is withdrawn", is_json=is_json)
