"""
Requests as they go over the wire, and answers that are none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from notifier_client import longpoll
from notifier_client.longpoll import LongPoll
from notifier_client.requests import Goodbye, Opening, PlainOpening, Poll, Post, Request

TEXT = '["1","1","a","b",{}]'


class Recorder:
    """
    Answers as it is told, and keeps what came.
    """

    def __init__(self) -> None:
        self.response = web.json_response({"status": 200})
        self.method, self.query, self.headers, self.body = "", "", dict[str, str](), ""
        self.path = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.method, self.path, self.query = request.method, request.path, request.query_string
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        self.body = await request.text()
        return self.response


@pytest.fixture
async def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def transport(recorder: Recorder) -> AsyncIterator[LongPoll]:
    app = web.Application()
    app.router.add_route("*", "/socket/longpoll", recorder.handle)
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        yield LongPoll(http, str(server.make_url("/socket")), {"x": "1"})


@pytest.mark.parametrize(
    ("request_", "line", "headers", "body"),
    [
        (
            Opening("k", [TEXT, b"\x00\x01"]),
            "POST x=1&vsn=2.0.0&notifier=resume",
            {
                "x-notifier-open": "k",
                "x-notifier-seq": "1",
                "content-type": "application/x-ndjson",
                "x-phoenix-authtoken": "user",
            },
            f"{TEXT}\nAAE=",
        ),
        (PlainOpening(), "GET x=1&vsn=2.0.0", {"x-phoenix-authtoken": "user"}, ""),
        (
            Poll("nts_t", 7, 2, 0.0),
            "GET x=1&vsn=2.0.0",
            {
                "x-phoenix-longpoll-token": "nts_t",
                "x-notifier-ack": "7",
                "x-notifier-turn": "2",
            },
            "",
        ),
        (Poll("SFMy", None, 0, 0.0), "GET x=1&vsn=2.0.0&token=SFMy", {}, ""),
        (
            Post("nts_t", 4, 4, [TEXT], True),
            "POST x=1&vsn=2.0.0",
            {
                "x-phoenix-longpoll-token": "nts_t",
                "x-notifier-seq": "4",
                "content-type": "application/x-ndjson",
            },
            TEXT,
        ),
        (
            Post("SFMy", 4, 4, [TEXT], False),
            "POST x=1&vsn=2.0.0&token=SFMy",
            {"content-type": "application/json"},
            TEXT,
        ),
        (
            Post("SFMy", 4, 5, [TEXT, b"\x00"], False),
            "POST x=1&vsn=2.0.0&token=SFMy",
            {"content-type": "application/x-ndjson"},
            f"{TEXT}\nAA==",
        ),
        (
            Goodbye("nts_t"),
            "POST x=1&vsn=2.0.0&notifier=close",
            {"x-phoenix-longpoll-token": "nts_t"},
            "",
        ),
    ],
)
async def test_request_is_written_as_the_protocol_has_it(
    transport: LongPoll,
    recorder: Recorder,
    request_: Request,
    line: str,
    headers: dict[str, str],
    body: str,
) -> None:
    """
    Tokens stand in headers, but for a plain server's; the user's goes with openings only.
    """
    await transport.ask(request_, "user")
    assert (f"{recorder.method} {recorder.query}", recorder.body) == (line, body)
    ours = {name for name in recorder.headers if name.startswith("x-")}
    assert ours == {name for name in headers if name.startswith("x-")}
    assert headers.items() <= recorder.headers.items()


@pytest.mark.parametrize(
    "response",
    [
        {"status": 502, "text": "<html>bad gateway</html>"},
        {"status": 200, "text": ""},
        {"status": 200, "text": '{"portal": true}'},
        {"status": 200, "body": b"\xff"},
    ],
)
async def test_answer_of_somebody_else_is_a_failure(
    transport: LongPoll, recorder: Recorder, response: Any
) -> None:
    """
    A proxy's page is not taken for the server's word.
    """
    recorder.response = web.Response(**response)
    with pytest.raises(longpoll.FAILURES, match=f"HTTP {response['status']}"):
        await transport.ask(Poll("nts_t", 0, 0, 0.0), None)


async def test_answer_over_the_bound_is_a_failure(
    transport: LongPoll, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(longpoll, "MAX_ANSWER_BYTES", 10)
    recorder.response = web.json_response({"status": 200, "more": "x" * 100})
    with pytest.raises(longpoll.FAILURES, match="at most 10 bytes"):
        await transport.ask(Poll("nts_t", 0, 0, 0.0), None)


async def test_status_of_http_is_not_looked_at(transport: LongPoll, recorder: Recorder) -> None:
    """
    413 comes as HTTP 413, and its body tells what counts.
    """
    recorder.response = web.json_response({"status": 413, "received": 3}, status=413)
    answer = await transport.ask(Poll("nts_t", 0, 0, 0.0), None)
    assert (answer.status, answer.received) == (413, 3)
