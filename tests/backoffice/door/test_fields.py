from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.pytest_plugin import AiohttpClient
from aiohttp.test_utils import TestClient

from notifier.backoffice.door.fields import MAX_FIELDS, Refusal, read_fields

Client = TestClient[web.Request, web.Application]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> Client:
    async def answer(request: web.Request) -> web.Response:
        try:
            return web.json_response(await read_fields(request, 1_024))
        except Refusal as refusal:
            return web.Response(status=refusal.status, text=refusal.words % refusal.values)

    app = web.Application()
    app.router.add_post("/", answer)
    return await aiohttp_client(app)


@pytest.fixture
def send(client: Client) -> Callable[..., Awaitable[tuple[int, str]]]:
    async def send(data: bytes, **headers: str) -> tuple[int, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with client.post("/", data=data, headers={**FORM, **named}) as response:
            return response.status, await response.text()

    return send


Send = Callable[..., Awaitable[tuple[int, str]]]


async def test_fields_are_read_when_a_form_comes(send: Send) -> None:
    """
    Names and values are decoded, empty ones kept, and the last of a name counts.
    """
    status, text = await send(b"a=1&b=&a=%C3%A9+%0A&c")
    assert (status, text) == (200, '{"a": "\\u00e9 \\n", "b": "", "c": ""}')


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"a=%FF", 400),
        (b"a=\xff", 400),
        (b"&".join(b"a=1" for _ in range(MAX_FIELDS + 1)), 400),
        (b"a=" + b"x" * 1_025, 413),
        (b"", 200),
    ],
)
async def test_body_is_refused_when_it_is_no_form_of_ours(
    send: Send, body: bytes, status: int
) -> None:
    """
    Bytes that are no text, too many fields and too much are refused.
    """
    assert (await send(body))[0] == status


@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "multipart/form-data; boundary=x"]
)
async def test_body_is_refused_when_it_is_of_another_type(send: Send, kind: str) -> None:
    """
    Only what our forms send is read; another site's form can send text/plain.
    """
    assert (await send(b"a=1", Content_Type=kind))[0] == 415


@pytest.mark.parametrize(
    ("site", "status"),
    [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403), ("", 403)],
)
async def test_request_is_refused_when_the_browser_says_it_is_from_elsewhere(
    send: Send, site: str, status: int
) -> None:
    """
    A form on another site cannot send to ours, not even with a stolen token.
    """
    assert (await send(b"a=1", Sec_Fetch_Site=site))[0] == status
