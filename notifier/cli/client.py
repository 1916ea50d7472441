"""
The command line's client: `notifier tail` and `notifier push`.

Their exit status is for scripts, and stands in their help. The client is a
package of its own; where it is missing, the command says what to install.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from base64 import b64encode
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

import click

from notifier.config import CLIENT_VARIABLES

if TYPE_CHECKING:
    from notifier_client import Channel, Joined, Message, Socket

URL_VARIABLE, TOKEN_VARIABLE = CLIENT_VARIABLES
DEFAULT_URL: Final = "http://127.0.0.1:4000/socket"

_STATUS: Final = """
    \b
    Exit status: 0 done, 1 answered with an error or closed by the server,
    2 wrong usage, 3 refused, 4 unreachable or no reply in time.
"""

_Command = Callable[..., None]


class Failed(click.ClickException):
    """
    What click shows as one line: answered with an error, or closed by the server.
    """

    exit_code = 1


class Misused(Failed):
    """
    Wrong usage.
    """

    exit_code = 2


class Refused(Failed):
    """
    The server said no: to the connect, or to the join.
    """

    exit_code = 3


class Unreachable(Failed):
    """
    No server, or no reply of it in time.
    """

    exit_code = 4


def told(command: _Command) -> _Command:
    """
    Add the exit status to the help of a command.
    """
    command.__doc__ = f"{command.__doc__}\n{_STATUS}"
    return command


def _connection_options(command: _Command) -> _Command:
    for option in (
        click.option(
            "--transport",
            type=click.Choice(("auto", "longpoll", "websocket")),
            default="auto",
            show_default=True,
            help="What carries the session.",
        ),
        click.option(
            "--timeout",
            type=click.FloatRange(min=0, min_open=True),
            default=10.0,
            show_default=True,
            metavar="SECONDS",
            help="How long to wait for the server's answer.",
        ),
        click.option(
            "--token",
            envvar=TOKEN_VARIABLE,
            metavar="TOKEN",
            help=f"A user token; {TOKEN_VARIABLE} keeps it out of the list of processes.",
        ),
        click.option(
            "--url",
            envvar=URL_VARIABLE,
            default=DEFAULT_URL,
            show_default=True,
            metavar="URL",
            help=f"The server's socket (or {URL_VARIABLE}).",
        ),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("topics", nargs=-1, required=True, metavar="TOPIC...")
@click.option("--since", metavar="ID", help="Begin after the message with this id.")
@_connection_options
@told
def tail(topics: tuple[str, ...], since: str | None, timeout: float, **options: Any) -> None:
    """
    Print what comes on each TOPIC, one line of JSON a message.

    \b
        NOTIFIER_TOKEN=$(notifier token me) notifier tail room:lobby user:me
        notifier tail room:lobby --since 0199f2b3c4d5-00001 | jq .payload.body

    It goes on until Ctrl-C, also when the server is restarted meanwhile: what
    has been missed comes then, as far as the topic has a history. Where it does
    not reach so far, standard error says so.
    """
    _run(_tail(_connect(**options), topics, since, timeout))


@click.command()
@click.argument("topic")
@click.argument("event")
@click.argument("payload")
@click.option("--no-reply", is_flag=True, help="Wait for no reply: the handler gives none.")
@_connection_options
@told
def push(
    topic: str, event: str, payload: str, no_reply: bool, timeout: float, **options: Any
) -> None:
    """
    Send one message to TOPIC and print the reply.

    PAYLOAD is JSON, or - to read it from standard input.

    \b
        notifier push room:lobby new_msg '{"body": "hello"}' --no-reply
    """
    try:
        value = json.loads(sys.stdin.read() if payload == "-" else payload)
    except ValueError as error:
        raise Misused(f"expected JSON as PAYLOAD: {error}") from error
    _run(_push(_connect(**options), topic, event, value, no_reply=no_reply, timeout_s=timeout))


def _connect(url: str, token: str | None, transport: str) -> Socket:
    try:
        from notifier_client import connect
    except ImportError as error:
        text = "this needs the package notifier-client: pip install 'notifier[client]'"
        raise Misused(text) from error
    try:
        return connect(url, token=token, transport=transport)
    except ValueError as error:
        raise Misused(f"--url: {error}") from error


def _run(work: Coroutine[Any, Any, None]) -> None:
    """
    Run to the end; Ctrl-C, and a reader that goes away, are ends like any other.
    """
    from notifier_client import errors

    try:
        asyncio.run(work)
    except KeyboardInterrupt:
        return
    except BrokenPipeError:
        # Else the interpreter fails over what is still in the buffer.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except errors.TokenFailed as error:
        raise Misused(f"--token: {error.__cause__}") from error
    except errors.ErrorReply as error:
        click.echo(json.dumps(_readable(error.response)))
        raise Failed(str(error)) from error
    except (errors.ConnectionRefused, errors.JoinRefused) as error:
        raise Refused(str(error)) from error
    except errors.ReplyTimeout as error:
        raise Unreachable(f"{error} (--no-reply is for handlers that give none)") from error
    except (errors.Unreachable, errors.SessionLost) as error:
        raise Unreachable(str(error)) from error
    except errors.NotifierClientError as error:
        raise Failed(str(error)) from error


async def _tail(
    socket: Socket, topics: tuple[str, ...], since: str | None, timeout_s: float
) -> None:
    async with socket:
        channels = [
            socket.channel(topic, since=since, on_rejoin=_warn) for topic in dict.fromkeys(topics)
        ]
        # At once, so that the request that opens the session joins them all.
        await asyncio.gather(*(one.join(timeout_s) for one in channels))
        tasks = [asyncio.ensure_future(_print_all(one)) for one in channels]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()


def _warn(joined: Joined) -> None:
    if not joined.recovered:
        click.echo(f"{joined.topic}: messages may have been missed", err=True)


def _ignore(_joined: Joined) -> None:
    """
    Whoever only sends misses nothing.
    """


async def _print_all(channel: Channel) -> None:
    async for message in channel:
        click.echo(_line(message))
        sys.stdout.flush()


def _line(message: Message) -> str:
    value = {
        "topic": message.topic,
        "event": message.event,
        "payload": _readable(message.payload),
    }
    return json.dumps(value, ensure_ascii=False)


def _readable(payload: Any) -> Any:
    return {"base64": b64encode(payload).decode()} if isinstance(payload, bytes) else payload


async def _push(
    socket: Socket, topic: str, event: str, payload: Any, *, no_reply: bool, timeout_s: float
) -> None:
    async with socket:
        channel = socket.channel(topic, on_rejoin=_ignore)
        await channel.join(timeout_s)
        try:
            if no_reply:
                await channel.send(event, payload, timeout_s)
            else:
                click.echo(json.dumps(_readable(await channel.push(event, payload, timeout_s))))
        finally:
            await channel.leave()
