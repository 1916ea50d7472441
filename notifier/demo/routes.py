"""
Where the demo is mounted, and what it answers.

    GET  /                   the page
    GET  /demo/token         a token of the demo's user, as a host application gives one
    POST /demo/notice        send that user a notice
    PUT, DELETE /demo/ticker switch the numbered messages on, off
    GET  /demo/refused       where the page's WebSockets end while it blocks them

It hands out tokens to whoever asks, so it answers only where it was asked for by
a local name: a page of elsewhere whose name is made to point here gets nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import resources
from itertools import cycle
from pathlib import Path
from typing import Final

from aiohttp import web
from attrs import define, field
from jinja2 import Environment, PackageLoader, StrictUndefined

from notifier.channels import Endpoint
from notifier.demo.local import is_local
from notifier.demo.ticker import Ticker
from notifier.notices import send_notice
from notifier.session import User

USER: Final = "demo"
TOPIC: Final = f"user:{USER}"
SENDER: Final = "Customer service"
NOTICES: Final = (
    "Your parcel has left our warehouse.",
    "An agent has answered your question.",
    "Maintenance begins in ten minutes.",
    "Your invoice is ready.",
)

HEADERS: Final = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "img-src data:",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_TYPES: Final = {".css": "text/css", ".js": "text/javascript"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def setup(app: web.Application, endpoint: Endpoint, client: Path) -> None:
    """
    Mount the demo at / and below /demo; call it before the app starts.

    `endpoint` serves the application that ships, below /socket. `client` is the
    built JavaScript client, which may be missing: the page says so.
    """
    demo = Demo(endpoint, client)
    app.router.add_get("/", _local(demo.show))
    app.router.add_get("/demo/token", _local(demo.give_token))
    app.router.add_post("/demo/notice", _local(demo.send))
    app.router.add_put("/demo/ticker", _local(demo.switch_ticker))
    app.router.add_delete("/demo/ticker", _local(demo.switch_ticker))
    app.router.add_get("/demo/refused", _local(demo.refuse))
    for name, body in _files().items():
        app.router.add_get(f"/demo/{name}", _local(_File(name, body).show))
    app.on_shutdown.append(demo.stop)


@define(eq=False)
class Demo:
    """
    One user with everything that the page shows.
    """

    endpoint: Endpoint
    client: Path
    ticker: Ticker = field(init=False)
    _bodies: cycle[str] = field(init=False, factory=lambda: cycle(NOTICES), repr=False)
    _templates: Environment = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.ticker = Ticker(self.endpoint, TOPIC)
        self._templates = Environment(
            loader=PackageLoader("notifier.demo", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    async def show(self, _request: web.Request) -> web.Response:
        """
        Answer with the page.
        """
        template = self._templates.get_template("demo.html")
        html = template.render(
            user=USER, is_built=self.client.is_file(), is_ticking=self.ticker.is_on
        )
        return web.Response(text=html, content_type="text/html", charset="utf-8")

    async def give_token(self, _request: web.Request) -> web.Response:
        """
        Let in whoever asks.
        """
        return web.Response(text=self.endpoint.tokens.sign_user(User(USER)))

    async def send(self, _request: web.Request) -> web.Response:
        """
        Send a notice; tell how many sessions it reached.
        """
        receipt = await send_notice(self.endpoint, TOPIC, next(self._bodies), SENDER)
        return web.json_response({"reached": receipt.reached})

    async def switch_ticker(self, request: web.Request) -> web.Response:
        """
        PUT it on, DELETE it.
        """
        await self.ticker.switch(request.method == "PUT")
        return web.json_response({"on": self.ticker.is_on})

    async def refuse(self, _request: web.Request) -> web.Response:
        """
        Do what a proxy does that lets no WebSocket through.
        """
        return web.Response(status=403, text="no WebSocket comes through here\n")

    async def stop(self, _app: web.Application) -> None:
        """
        End the ticker with the application.
        """
        await self.ticker.close()


@define
class _File:
    """
    What the page loads; a changed one is there at the next reload.
    """

    name: str
    body: bytes = field(repr=False)

    async def show(self, _request: web.Request) -> web.Response:
        content_type = _TYPES[Path(self.name).suffix]
        return web.Response(body=self.body, content_type=content_type, charset="utf-8")


def _files() -> dict[str, bytes]:
    folder = resources.files("notifier.demo").joinpath("static")
    found = {one.name: one.read_bytes() for one in folder.iterdir()}
    # The look is the back office's; here is only what that does not have.
    look = resources.files("notifier.backoffice").joinpath("static/style.css").read_bytes()
    return {**found, "demo.css": look + found["demo.css"]}


def _local(handler: Handler) -> Handler:
    """
    Answer what was asked for by a local name, and not by a page of elsewhere.
    """

    async def answer(request: web.Request) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if not is_local(request.url.host) or origin not in (None, str(request.url.origin())):
            raise web.HTTPForbidden(text="the demo is for this machine's own browser\n")
        response = await handler(request)
        response.headers.update(HEADERS)
        return response

    return answer
