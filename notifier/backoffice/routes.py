"""
Where the back office is mounted.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from itsdangerous import URLSafeTimedSerializer

from notifier.backoffice.compose import Compose
from notifier.backoffice.desk import Desk
from notifier.backoffice.fields import Refusal
from notifier.backoffice.gate import PREFIX, Gate
from notifier.backoffice.logins import Logins
from notifier.backoffice.operators import OperatorStore
from notifier.backoffice.overview import Overview
from notifier.backoffice.pages import Pages, add_headers
from notifier.backoffice.seals import Seals
from notifier.backoffice.signin import SignIn
from notifier.inbox import NoticeStore

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _came_by_https(request: web.Request) -> bool:
    return request.secure


def setup(
    app: web.Application,
    *,
    desk: Desk,
    operators: OperatorStore,
    notices: NoticeStore,
    signer: URLSafeTimedSerializer,
    clock: Callable[[], float],
    is_https: Callable[[web.Request], bool] = _came_by_https,
    wall_clock: Callable[[], float] = time.time,
) -> None:
    """
    Mount the back office below /backoffice; call it before the app starts.

    `app` is the one that is served, not one mounted in another: the cookies
    and the links name the path from the root.

    Args:
        signer: signs cookies and forms; nothing else may use its salt.
        clock: seconds; log-ins and the throttle live by it.
        is_https: whether a request came by https, so that its cookies must
            too. Behind a proxy that does TLS, say so here.
        wall_clock: seconds since 1970, by which the page says how long ago
            something was.
    """
    pages = Pages()
    gate = Gate(Logins(), Seals(signer), clock, is_https)
    sign_in = SignIn(gate, pages, operators)
    compose = Compose(gate, pages, sign_in, desk, Overview(desk, notices, wall_clock))

    def refusing(handler: Handler) -> Handler:
        return _with_refusals(handler, pages)

    app.on_response_prepare.append(add_headers)
    app.router.add_get(PREFIX, compose.show)
    app.router.add_post(PREFIX, refusing(compose.submit))
    app.router.add_get(f"{PREFIX}/", _lead_to_form)
    app.router.add_get(f"{PREFIX}/sign-in", sign_in.show)
    app.router.add_post(f"{PREFIX}/sign-in", refusing(sign_in.submit))
    app.router.add_get(f"{PREFIX}/sign-out", _lead_to_form)
    app.router.add_post(f"{PREFIX}/sign-out", refusing(sign_in.leave))
    app.router.add_get(f"{PREFIX}/style.css", pages.show_style)


async def _lead_to_form(_request: web.Request) -> web.StreamResponse:
    raise web.HTTPSeeOther(PREFIX)


def _with_refusals(handler: Handler, pages: Pages) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as refusal:
            return pages.page("refused.html", refusal.status, words=refusal.words)

    return answer
