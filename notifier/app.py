"""
Puts the parts together: into an application of yours, or into the server that
`notifier serve` runs.

    app = web.Application()
    notices = notifier.setup(app, keys=[SECRET])
    ...
    await notices.broadcast("room:lobby", "new_msg", {"body": "hello"})
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from aiohttp import web
from attrs import define, field

from notifier import api, backoffice
from notifier.accounts import Accounts, UserStore
from notifier.channels import Endpoint, Socket
from notifier.channels.endpoint import LoadUser, take_at_word
from notifier.channels.roster import Presences
from notifier.channels.topics import Routes
from notifier.config import Config
from notifier.engine import Engine, MemoryEngine, Receipt, SqliteEngine
from notifier.inbox import Inbox, NoticeStore
from notifier.notices import INBOX, UserSocket
from notifier.protocol import Payload
from notifier.session import JwtRules, Limits, Tokens
from notifier.transports import (
    Front,
    Mount,
    OriginCheck,
    TrustedProxies,
    add_routes,
    socket_paths,
)

DATABASE: Final = "notifier.db"
HISTORY: Final = "history.db"

CLIENT_SCRIPT: Final = Path(__file__).parent / "static" / "notifier-client.js"
"""Where `scripts/build-client` puts the browser build of `client/js`."""

TOASTS_SCRIPT: Final = CLIENT_SCRIPT.with_name("notifier-toasts.js")
"""The same of the widget, with the client in it."""


@define(eq=False)
class Notifier:
    """
    A socket class and the path below which its clients connect.

    This is what `notifier serve --app module:attribute` looks for. It has an
    `endpoint` once `setup` or `serve` has put it to work. `load_user` makes a
    user of what a token says (see `UserSocket`); by default whom it names.
    """

    socket_class: type[Socket] = UserSocket
    path: str = "/socket"
    load_user: LoadUser = field(default=take_at_word, kw_only=True)
    _endpoint: Endpoint | None = field(init=False, default=None, repr=False)
    _mount: Mount | None = field(init=False, default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        if not (isinstance(self.socket_class, type) and issubclass(self.socket_class, Socket)):
            raise TypeError(f"Notifier needs a subclass of Socket, got {self.socket_class!r}")
        if not self.path.startswith("/") or self.path.endswith("/"):
            raise ValueError(f"a path begins with / and does not end so, got {self.path!r}")
        Routes(self.socket_class.channels)  # raises for a table amiss, here and not at the start

    @property
    def endpoint(self) -> Endpoint:
        """
        The sessions, and the ways to reach them.
        """
        if self._endpoint is None:
            raise RuntimeError("this Notifier is not at work yet: call setup(app, …) first")
        return self._endpoint

    @property
    def inbox(self) -> Inbox:
        """
        The notices that wait for their users, and what became of each.
        """
        inbox = self.endpoint.assigns.get(INBOX)
        if not isinstance(inbox, Inbox):
            raise RuntimeError("this Notifier has no inbox: call setup(app, …, notices=PATH)")
        return inbox

    async def broadcast(self, topic: str, event: str, payload: Payload) -> Receipt:
        """
        Send an event to everyone on a topic; see `Endpoint.broadcast`.
        """
        return await self.endpoint.broadcast(topic, event, payload)

    async def presences(self, topic: str) -> Presences:
        """
        List who is present on a topic; see `Channel.presences`.
        """
        return await self.endpoint.presence.list(topic)

    async def disconnect(self, id: str) -> int:
        """
        End every session whose `Socket.id` is `id`; tell how many there were.
        """
        return await self.endpoint.disconnect(id)

    def attach(
        self,
        app: web.Application,
        endpoint: Endpoint,
        check_origin: Sequence[str] = (),
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        """
        Serve the socket paths and `/health` from `app`, and live and end with it.
        """
        self._endpoint = endpoint
        self._mount = Mount(
            endpoint, self.socket_class, OriginCheck(check_origin), TrustedProxies(trusted_proxies)
        )
        add_routes(app, self.path, self._mount)
        app.on_startup.append(self._start)
        app.on_shutdown.append(self._stop)

    def front(self, fallback: Callable[[], asyncio.Protocol]) -> Front:
        """
        Make the front that serves the socket paths before `fallback` is asked.
        """
        if self._mount is None:
            raise RuntimeError("this Notifier is not at work yet: attach it first")
        return Front(self.endpoint, socket_paths(self.path, self._mount), fallback)

    async def _start(self, _app: web.Application) -> None:
        self.endpoint.start()

    async def _stop(self, _app: web.Application) -> None:
        await self.endpoint.shutdown()


def setup(
    app: web.Application,
    socket_class: type[Socket] = UserSocket,
    *,
    keys: Sequence[str],
    path: str = "/socket",
    check_origin: Sequence[str] = (),
    trusted_proxies: Sequence[str] = (),
    token_max_age_s: int = 86_400,
    jwt: JwtRules | None = None,
    load_user: LoadUser = take_at_word,
    limits: Limits | None = None,
    engine: Engine | None = None,
    notices: Path | None = None,
    clock: Callable[[], float] = time.time,
    now: Callable[[], float] = time.monotonic,
) -> Notifier:
    """
    Serve clients from an aiohttp application of yours, below `path`.

    `keys` sign the tokens, oldest first; keep them secret, and at least one.
    Run the application with `handler_cancellation=True`, so that the poll of a
    client that has gone is given up at once, and with `access_log=None`: that
    of aiohttp has the tokens that stand in a URL. Logs last as long as the
    process unless you give an `engine`; it is closed at the end. In the database
    `notices` those wait for users who are away; see `Notifier.inbox`. With `jwt`
    your JSON Web Tokens open the door, too; `load_user` is asked whom it opens to:
    `async def load_user(claims: Claims) -> User | Error`. `clock` and `now` are
    for tests.
    """
    notifier = Notifier(socket_class, path, load_user=load_user)
    tokens = Tokens(tuple(keys), clock, token_max_age_s, jwt)
    endpoint = Endpoint(engine or MemoryEngine(clock), tokens, limits or Limits(), now, load_user)
    notifier.attach(app, endpoint, check_origin, trusted_proxies)
    if notices is not None:
        keep_notices(app, endpoint, NoticeStore(notices))
    return notifier


def jwt_rules(config: Config, secrets: Sequence[bytes]) -> JwtRules | None:
    """
    Make of the config how JSON Web Tokens are read, None where there is no secret.
    """
    if not secrets:
        return None
    return JwtRules(
        secrets=secrets,
        user_claim=config.jwt_user_claim,
        role_claim=config.jwt_role_claim or None,
        audience=config.jwt_audience or None,
        issuer=config.jwt_issuer or None,
    )


def build(
    notifier: Notifier | None,
    config: Config,
    keys: Sequence[str],
    jwt_secrets: Sequence[bytes] = (),
) -> web.Application:
    """
    Make the application that `notifier serve` runs, with its back office and its API.

    Opens the files in the data directory, that of the history until the
    endpoint is shut down; raises EngineError where another server has it open.
    """
    notifier = notifier or Notifier()
    app = web.Application()
    jwt = jwt_rules(config, jwt_secrets)
    tokens = Tokens(tuple(keys), time.time, config.token_max_age_s, jwt)
    database = config.data_dir / DATABASE
    operators = backoffice.OperatorStore(database)
    api_keys = api.ApiKeyStore(database)
    accounts = Accounts(UserStore(database), config.create_users, notifier.load_user)
    accounts.load()
    with ExitStack() as undoing:
        engine = SqliteEngine(config.data_dir.absolute() / HISTORY, time.time)
        undoing.callback(engine.discard)
        endpoint = Endpoint(engine, tokens, config.limits, load_user=accounts.load_user)
        app.cleanup_ctx.append(accounts.keep_up(endpoint))
        notifier.attach(app, endpoint, config.check_origin, config.trusted_proxies)
        inbox = keep_notices(app, endpoint, NoticeStore(database))
        app.router.add_get("/health", Health(endpoint).handle)
        for script in (CLIENT_SCRIPT, TOASTS_SCRIPT):
            ClientScript(script).add_routes(app)
        backoffice.setup(
            app,
            endpoint=endpoint,
            inbox=inbox,
            accounts=accounts,
            operators=operators,
            audit=backoffice.AuditLog(database),
            keys=api_keys,
            signer=tokens.serializer("backoffice"),
            is_https=_came_by_https(TrustedProxies(config.trusted_proxies)),
        )
        api.setup(
            app,
            api.operations(endpoint, accounts, inbox),
            keys=api_keys,
            answers=api.AnswerStore(database),
            rate_per_s=config.api_rate_per_s,
            burst=config.api_burst,
            max_body_bytes=config.api_max_body_bytes,
        )
        undoing.pop_all()  # nothing went wrong: the engine is the endpoint's to close
    return app


def _came_by_https(proxies: TrustedProxies) -> Callable[[web.Request], bool]:
    return lambda request: request.secure or proxies.is_https(request.remote or "", request.headers)


def keep_notices(app: web.Application, endpoint: Endpoint, notices: NoticeStore) -> Inbox:
    """
    Give an endpoint the inbox of its process, which lives and ends with `app`.
    """
    inbox = Inbox(endpoint, notices, endpoint.tokens.clock)
    endpoint.assigns[INBOX] = inbox

    async def start(_app: web.Application) -> None:
        await inbox.start()

    async def close(_app: web.Application) -> None:
        await inbox.close()

    app.on_startup.append(start)
    app.on_cleanup.append(close)
    return inbox


@define(eq=False)
class Health:
    """
    Tells whether the server is well, and how many sessions it holds.
    """

    endpoint: Endpoint

    async def handle(self, _request: web.Request) -> web.Response:
        """
        Answer 200 while connects are taken, 503 while the server goes down.
        """
        body = {
            "status": "down" if self.endpoint.is_down else "ok",
            "sessions": {name: self.endpoint.count(name) for name in ("longpoll", "websocket")},
            "refused": dict(self.endpoint.refused),
        }
        headers = {"cache-control": "no-store"}
        return web.json_response(
            body, status=503 if self.endpoint.is_down else 200, headers=headers
        )


@define(eq=False)
class ClientScript:
    """
    Serves a browser build of our JavaScript client, to pages of any origin.

    Below its version it never changes; without one it is asked for anew each time.
    """

    path: Path

    def add_routes(self, app: web.Application) -> None:
        """
        Serve it below `/client`, with its version and without.
        """
        app.router.add_get(f"/client/{self.path.name}", self.handle)
        app.router.add_get(f"/client/{{version}}/{self.path.name}", self.handle)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """
        Answer with the script, or 404 that says what is missing.
        """
        if not self.path.is_file():
            raise web.HTTPNotFound(text="the client is not built: run scripts/build-client\n")
        asked_for = request.match_info.get("version")
        if asked_for not in (None, version := self._version()):
            raise web.HTTPNotFound(text=f"this server has version {version} of the client\n")
        cache = "no-cache" if asked_for is None else "public, max-age=31536000, immutable"
        headers = {
            "content-type": "text/javascript; charset=utf-8",
            "cache-control": cache,
            "access-control-allow-origin": "*",
        }
        return web.FileResponse(self.path, headers=headers)

    def _version(self) -> str:
        """
        Read the version from the first line: `/*! notifier-client 0.1.0 | MIT */`.
        """
        with self.path.open() as file:
            return file.readline().split()[2]
