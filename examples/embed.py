"""
Notices inside an aiohttp application of yours: `python -m examples.embed`.

The application decides who its users are and hands them tokens; the page
connects with phoenix.js, joins `user:<id>`, and gets what `remind` sends.
"""

from aiohttp import web

import notifier


async def token(request: web.Request) -> web.Response:
    user = notifier.User(request.match_info["name"])  # your own log-in stands here
    return web.json_response({"token": notices.endpoint.tokens.sign_user(user)})


async def remind(request: web.Request) -> web.Response:
    topic = f"user:{request.match_info['name']}"
    receipt = await notices.broadcast(topic, "new_msg", {"body": "your parcel left"})
    return web.json_response({"id": receipt.id, "reached": receipt.reached})


app = web.Application()
app.router.add_get("/token/{name}", token)
app.router.add_post("/remind/{name}", remind)
notices = notifier.setup(app, keys=["a secret of yours"])

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=8080, access_log=None, handler_cancellation=True)
