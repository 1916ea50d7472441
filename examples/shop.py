"""
A host application in Python that embeds Notifier: `python -m examples.shop`.

It knows its users, hands them tokens, sends them notices that wait for whoever
is away, and throws out who has to go. In another language the same is done over
HTTP: see docs/api.md.
"""

import os
from pathlib import Path

from aiohttp import web

import notifier
from notifier.accounts import Accounts, UserExists, UserStore
from notifier.inbox import ToUsers

DATABASE = Path(os.environ.get("SHOP_DATA", "shop-data")) / "notifier.db"


async def sign_up(request: web.Request) -> web.Response:
    try:
        await accounts.create(request.match_info["name"])
    except UserExists as error:
        raise web.HTTPConflict(text=str(error)) from error
    return web.json_response({"ok": True}, status=201)


async def log_in(request: web.Request) -> web.Response:
    user = notifier.User(request.match_info["name"])  # your own log-in stands here
    return web.json_response({"token": notices.endpoint.tokens.sign_user(user)})


async def ship(request: web.Request) -> web.Response:
    to = ToUsers([request.match_info["name"]])
    sent = await notices.inbox.send(to, {"body": "your parcel left", "title": "Parcel"}, "shop")
    return web.json_response({"id": sent.id, "reached": sent.reached})


async def ban(request: web.Request) -> web.Response:
    account = await accounts.disable(request.match_info["name"])
    return web.json_response({"disabled": account.is_disabled})


app = web.Application()
app.router.add_post("/users/{name}", sign_up)
app.router.add_post("/users/{name}/token", log_in)
app.router.add_post("/users/{name}/ship", ship)
app.router.add_post("/users/{name}/ban", ban)
accounts = Accounts(UserStore(DATABASE))
accounts.load()
notices = notifier.setup(
    app, keys=["a secret of yours"], load_user=accounts.load_user, notices=DATABASE
)
app.cleanup_ctx.append(accounts.keep_up(notices.endpoint))

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=8080, access_log=None, handler_cancellation=True)
