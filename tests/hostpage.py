"""
The pages of a host application: `examples/page`, with the widget of a server under test.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer
from conftest import require_built_client, require_node_modules

from notifier import Notifier, User
from notifier.app import TOASTS_SCRIPT

PAGE = Path(__file__).parents[1] / "examples" / "page"
ELSEWHERE = "https://notices.example"


def require_widget() -> None:
    """
    See that there is a widget to test, and what looks at it.
    """
    require_built_client()
    require_node_modules("axe-core")
    if not TOASTS_SCRIPT.is_file():
        require_node_modules("notifier-toasts, built")


def written_for(port: int, token: str) -> str:
    """
    Give the example page, with the server and the token of a test.
    """
    page = (PAGE / "index.html").read_text()
    page = page.replace(f"wss{ELSEWHERE.removeprefix('https')}", f"ws://127.0.0.1:{port}")
    return page.replace(ELSEWHERE, f"http://127.0.0.1:{port}").replace("TOKEN", token)


@asynccontextmanager
async def host(notifier: Notifier, port: int) -> AsyncIterator[str]:
    """
    Serve the pages of a host application: `/USER/`, signed in as that user.
    """

    async def page(request: web.Request) -> web.Response:
        user = request.match_info["user"]
        token = "bad" if user == "nobody" else notifier.endpoint.tokens.sign_user(User(user))
        return web.Response(text=written_for(port, token), content_type="text/html")

    async def style(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGE / "page.css")

    app = web.Application()
    app.router.add_get("/{user}/", page)
    app.router.add_get("/{user}/page.css", style)
    async with TestServer(app) as server:
        yield f"http://localhost:{server.port}"
