"""
Where the back office is mounted, and which page answers where.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from aiohttp import web
from attrs import frozen
from itsdangerous import URLSafeTimedSerializer

from notifier.accounts import Accounts
from notifier.api import ApiKeyStore
from notifier.backoffice.account import AccountPage
from notifier.backoffice.audit import AuditLog
from notifier.backoffice.compose import ComposePage
from notifier.backoffice.door.fields import Refusal
from notifier.backoffice.door.gate import PREFIX, Gate
from notifier.backoffice.door.logins import Logins
from notifier.backoffice.door.operators import ADMIN, OPERATOR, OperatorStore
from notifier.backoffice.door.passwords import Passwords
from notifier.backoffice.door.seals import Seals
from notifier.backoffice.door.signin import SignIn
from notifier.backoffice.keeper import Keeper
from notifier.backoffice.keys import KeysPage
from notifier.backoffice.live import Live
from notifier.backoffice.online import OnlinePage
from notifier.backoffice.operators import OperatorsPage
from notifier.backoffice.pages import add_headers, assets
from notifier.backoffice.reception import PageHandler, Reception
from notifier.backoffice.sent import NoticePage, SentPage
from notifier.backoffice.trail import TrailPage
from notifier.backoffice.users import UsersPage
from notifier.channels import Endpoint
from notifier.inbox import Inbox


@frozen
class _Page:
    """
    Where a page is, what answers there, and who may see it.
    """

    path: str
    show: PageHandler
    submit: PageHandler | None = None
    role: str = OPERATOR

    def mount(self, router: web.UrlDispatcher, reception: Reception) -> None:
        path = f"{PREFIX}{self.path}"
        router.add_get(path, reception.page(self.show, self.role))
        if self.submit is not None:
            router.add_post(path, reception.form(self.submit, self.role))


def _came_by_https(request: web.Request) -> bool:
    return request.secure


def setup(
    app: web.Application,
    *,
    endpoint: Endpoint,
    inbox: Inbox,
    accounts: Accounts,
    operators: OperatorStore,
    audit: AuditLog,
    keys: ApiKeyStore,
    signer: URLSafeTimedSerializer,
    clock: Callable[[], float] = time.monotonic,
    is_https: Callable[[web.Request], bool] = _came_by_https,
    wall_clock: Callable[[], float] = time.time,
) -> None:
    """
    Mount the back office below /backoffice; call it before the app starts.

    `app` is the one that is served, not one mounted in another: the cookies
    and the links name the path from the root.

    Args:
        keys: the very store that the API asks, which knows of changes at once.
        signer: signs cookies and forms; nothing else may use its salt.
        clock: seconds; log-ins and the throttle live by it.
        is_https: whether a request came by https, so that its cookies must
            too. Behind a proxy that does TLS, say so here.
        wall_clock: seconds since 1970, by which the pages say how long ago
            something was.
    """
    gate = Gate(Logins(), Seals(signer), clock, is_https)
    passwords = Passwords(gate, operators)
    sign_in = SignIn(gate, operators, audit, passwords)
    reception = Reception(gate, sign_in, audit)
    live = Live()
    keeper = Keeper(endpoint, accounts)
    online = OnlinePage(endpoint, keeper, live, wall_clock)
    compose = ComposePage(endpoint, inbox, accounts, wall_clock)
    sent = SentPage(inbox.store, wall_clock)
    notice = NoticePage(inbox, live, wall_clock)
    users = UsersPage(endpoint, accounts, keeper, wall_clock)
    team = OperatorsPage(operators, gate, wall_clock)
    account = AccountPage(operators, gate, passwords, wall_clock)
    api_keys = KeysPage(keys, gate, wall_clock)
    trail = TrailPage(audit, wall_clock)

    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(live.stop)
    _mount_door(app.router, reception, sign_in)
    for path, handler in {
        "/find": compose.find,
        "/sent/{id}/figures": notice.show_figures,
        "/online/rows": online.show_rows,
    }.items():
        app.router.add_get(f"{PREFIX}{path}", reception.live(handler))
    for page in (
        _Page("", compose.show, compose.submit),
        _Page("/sent", sent.show),
        _Page("/sent/{id}", notice.show, notice.submit),
        _Page("/online", online.show, online.submit),
        _Page("/users", users.show, users.submit, ADMIN),
        _Page("/operators", team.show, team.submit, ADMIN),
        _Page("/account", account.show, account.submit),
        _Page("/keys", api_keys.show, api_keys.submit, ADMIN),
        _Page("/audit", trail.show, role=ADMIN),
    ):
        page.mount(app.router, reception)
    app.router.add_route("*", f"{PREFIX}/{{path:.*}}", reception.refusing(_find_nothing))


def _mount_door(router: web.UrlDispatcher, reception: Reception, sign_in: SignIn) -> None:
    """
    Mount what is looked at before anybody has signed in.
    """
    router.add_get(f"{PREFIX}/", _lead_to_form)
    router.add_get(f"{PREFIX}/sign-in", reception.refusing(sign_in.show))
    router.add_post(f"{PREFIX}/sign-in", reception.refusing(sign_in.submit))
    router.add_get(f"{PREFIX}/sign-out", _lead_to_form)
    router.add_post(f"{PREFIX}/sign-out", reception.refusing(sign_in.leave))
    for asset in assets().values():
        router.add_get(f"{PREFIX}/static/{asset.name}", asset.show)


async def _find_nothing(_request: web.Request) -> web.StreamResponse:
    raise Refusal(404, "There is no such page here.")


async def _lead_to_form(_request: web.Request) -> web.StreamResponse:
    raise web.HTTPSeeOther(PREFIX)
