"""
Where the back office is mounted, and which page answers where.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from aiohttp import web
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
from notifier.backoffice.pages import Pages, add_headers
from notifier.backoffice.reception import PageHandler, Reception
from notifier.backoffice.sent import NoticePage, SentPage
from notifier.backoffice.trail import TrailPage
from notifier.backoffice.users import UsersPage
from notifier.channels import Endpoint
from notifier.inbox import Inbox


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
    pages = Pages()
    gate = Gate(Logins(), Seals(signer), clock, is_https)
    passwords = Passwords(gate, operators)
    sign_in = SignIn(gate, pages, operators, audit, passwords)
    reception = Reception(gate, pages, sign_in)
    live = Live()
    keeper = Keeper(endpoint, accounts, audit)
    online = OnlinePage(endpoint, keeper, live, wall_clock)
    compose = ComposePage(endpoint, inbox, accounts, audit, wall_clock)
    sent = SentPage(inbox.store, wall_clock)
    notice = NoticePage(inbox, audit, live, wall_clock)
    users = UsersPage(endpoint, accounts, keeper, audit, wall_clock)
    team = OperatorsPage(operators, audit, gate, wall_clock)
    account = AccountPage(operators, audit, gate, passwords, wall_clock)
    api_keys = KeysPage(keys, audit, wall_clock)
    trail = TrailPage(audit, wall_clock)

    def mount(
        path: str, show: PageHandler, submit: PageHandler | None = None, role: str = OPERATOR
    ) -> None:
        app.router.add_get(f"{PREFIX}{path}", reception.page(show, role))
        if submit is not None:
            app.router.add_post(f"{PREFIX}{path}", reception.form(submit, role))

    def mount_live(path: str, show: PageHandler) -> None:
        app.router.add_get(f"{PREFIX}{path}", reception.live(show))

    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(live.stop)
    app.router.add_get(f"{PREFIX}/", _lead_to_form)
    app.router.add_get(f"{PREFIX}/sign-in", reception.refusing(sign_in.show))
    app.router.add_post(f"{PREFIX}/sign-in", reception.refusing(sign_in.submit))
    app.router.add_get(f"{PREFIX}/sign-out", _lead_to_form)
    app.router.add_post(f"{PREFIX}/sign-out", reception.refusing(sign_in.leave))
    for asset in pages.assets.values():
        app.router.add_get(f"{PREFIX}/static/{asset.name}", asset.show)

    mount("", compose.show, compose.submit)
    mount_live("/find", compose.find)
    mount("/sent", sent.show)
    mount("/sent/{id}", notice.show, notice.submit)
    mount_live("/sent/{id}/figures", notice.show_figures)
    mount("/online", online.show, online.submit)
    mount_live("/online/rows", online.show_rows)
    mount("/users", users.show, users.submit, ADMIN)
    mount("/operators", team.show, team.submit, ADMIN)
    mount("/account", account.show, account.submit)
    mount("/keys", api_keys.show, api_keys.submit, ADMIN)
    mount("/audit", trail.show, role=ADMIN)
    app.router.add_route("*", f"{PREFIX}/{{path:.*}}", reception.refusing(_find_nothing))


async def _find_nothing(_request: web.Request) -> web.StreamResponse:
    raise Refusal(404, "There is no such page here.")


async def _lead_to_form(_request: web.Request) -> web.StreamResponse:
    raise web.HTTPSeeOther(PREFIX)
