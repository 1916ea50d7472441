"""
Long-polling, by the contract of all transports and by what is its own.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from typing import Any

import pytest

from notifier import Limits
from notifier.protocol.reasons import Reason
from transports.clients import Ended, LongPollClient
from transports.contract import TransportContract
from transports.world import LIMITS, World, until, world_behind


class TestContract(TransportContract):
    client_class = LongPollClient

    def told(self, reason: Reason) -> str:
        return reason.code


@pytest.fixture
async def client(world: World) -> LongPollClient:
    """
    A client that has joined `room:a` and has nothing left to read or to acknowledge.
    """
    client = await world.guest(LongPollClient)
    await client.join("room:a")
    return client


async def parked(client: LongPollClient, token: str | None = None) -> asyncio.Task[Any]:
    """
    Start a poll, and wait until it waits.
    """
    (session,) = client.world.sessions()
    mailbox = session.session.mailbox
    before = mailbox._line
    if token is not None:
        client.token = token
    task = asyncio.ensure_future(client.poll())
    await until(lambda: mailbox._line not in (None, before))
    return task


# --- polls


async def test_session_is_opened_by_the_first_poll(world: World) -> None:
    """
    410 with a token, as Phoenix has it, and with headers that no cache and no page minds.
    """
    params = {"vsn": "2.0.0", "guest": "ann"}
    async with world.http.get(world.url("longpoll"), params=params) as response:
        assert response.status == 200
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["access-control-allow-origin"] == "*"
        answer = await response.json()
    assert set(answer) == {"status", "token", "messages"}
    assert (answer["status"], answer["messages"]) == (410, [])
    assert answer["token"].startswith("nts_")


async def test_poll_is_answered_204_after_its_window(world: World, client: LongPollClient) -> None:
    """
    With a token to go on with, and no sooner.
    """
    poll = await parked(client)
    world.pass_time(9.5)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not poll.done()
    world.pass_time(0.3)
    answer = await poll
    assert (answer["status"], answer["messages"]) == (204, [])
    assert await client.ask("room:a", "echo") == {"status": "ok", "response": {}}


async def test_repeated_poll_gets_the_same_answer(client: LongPollClient) -> None:
    """
    A proxy may ask twice; what is acknowledged is gone, and who asks below it touches nothing.
    """
    before = client.token
    await client.send("room:a", "push", {"n": 1})
    first = await client.poll()
    client.token = before
    assert await client.poll() == first
    await client.send("room:a", "push", {"n": 2})
    second = await client.poll()
    client.token = before
    late = await client.poll()
    assert (late["status"], late["messages"], late["token"]) == (204, [], first["token"])
    client.token = second["token"]
    client.waiting.clear()
    await client.nothing_more()


async def test_abandoned_poll_loses_nothing(world: World, client: LongPollClient) -> None:
    """
    What came while nobody listened waits for the next.
    """
    for number in range(10):
        poll = await parked(client)
        poll.cancel()
        await asyncio.wait({poll})
        await world.server.broadcast("room:a", "news", {"n": number})
        assert (await client.receive()).payload == {"n": number}


async def test_newer_poll_takes_the_line(world: World, client: LongPollClient) -> None:
    """
    The older is let go with 204 at once; what comes goes to the newer alone.
    """
    older = await parked(client)
    newer = await parked(client)
    assert (await older)["status"] == 204
    await world.server.broadcast("room:a", "news", {})
    assert len((await newer)["messages"]) == 1
    client.waiting.clear()
    await client.nothing_more()


async def test_thousand_parked_polls_may_vanish(world: World) -> None:
    """
    Each session lives until its time is up, and nothing is left of any of them then.
    """
    names = map(str, range(1_000))
    clients = await asyncio.gather(*(world.guest(LongPollClient, name) for name in names))
    polls = [asyncio.ensure_future(client.poll()) for client in clients]
    await world.parked(len(clients))
    for poll in polls:
        poll.cancel()
    await asyncio.wait(polls)
    await until(lambda: not any(one.session.mailbox._requests for one in world.sessions()))
    assert world.server.endpoint.count() == len(clients)
    world.pass_time(15.0)
    assert world.server.endpoint.count() == 0


async def test_session_expires_when_nobody_asks(world: World, client: LongPollClient) -> None:
    """
    One and a half windows after the last request, of whatever kind, has ended.
    """
    for _ in range(3):
        world.pass_time(14.5)
        await client.send("room:a", "self")
    world.pass_time(14.5)
    assert world.server.endpoint.count() == 1
    world.pass_time(0.6)
    assert world.server.endpoint.count() == 0
    assert (await client.ended()).code == "session_expired"


async def test_large_messages_come_over_several_polls(world: World, client: LongPollClient) -> None:
    """
    An answer is bounded; what does not fit comes next, and one that never fits comes alone.
    """
    sizes = (60_000, 60_000, 90_000, 10)
    for size in sizes:
        await world.server.broadcast("room:a", "news", {"x": "x" * size})
    lengths = []
    while sum(lengths) < len(sizes):
        lengths.append(len((await client.poll())["messages"]))
    assert lengths == [1, 1, 1, 1]
    assert [len((await client.receive()).payload["x"]) for _ in sizes] == list(sizes)


# --- tokens


async def test_last_token_of_the_query_is_the_sessions(
    world: World, client: LongPollClient
) -> None:
    """
    phoenix.js sends the user token and the session's under one name.
    """
    assert client.token is not None
    await client.send("phoenix", "heartbeat")
    query = [("token", "a user's"), ("vsn", "2.0.0"), ("token", client.token)]
    assert (await client.request("GET", query))["status"] == 200
    body = json.dumps([None, "1", "phoenix", "heartbeat", {}]).encode()
    assert await client.request("POST", query, body) == {"status": 200}
    assert world.server.endpoint.count() == 1


async def test_session_token_in_a_header_wins(world: World, client: LongPollClient) -> None:
    """
    Where phoenix.js puts it from 1.9 on.
    """
    assert client.token is not None
    await client.send("phoenix", "heartbeat")
    headers = {"x-phoenix-longpoll-token": client.token}
    answer = await client.request("GET", {"token": "nts_another.one.0"}, headers=headers)
    assert (answer["status"], len(answer["messages"])) == (200, 1)


@pytest.mark.parametrize("why", ["disconnected", "session_gone", "session_foreign"])
async def test_dead_session_is_told_so_at_once(
    world: World, client: LongPollClient, why: str
) -> None:
    """
    500 to a GET, which every phoenix.js comes back from; 410 to a POST; nothing is opened.
    """
    await world.server.disconnect("user_socket:ann")
    if why == "session_gone":
        world.pass_time(15.0)
        world.server.endpoint._ends.clear()
    elif why == "session_foreign":
        client.token = "nts_" + "x" * 24 + ".forged.0"
    with pytest.raises(Ended) as ended:
        await client.poll()
    assert ended.value.code == why
    answer = await client.post(b"[]")
    assert (answer["status"], answer["reason"]) == (410, why)
    assert "token" not in answer
    assert world.server.endpoint.count() == 0


async def test_ended_session_takes_no_post_while_it_is_polled_empty(
    world: World, client: LongPollClient
) -> None:
    """
    What it was sent before can be had, and nothing more comes in; not for ever.
    """
    await world.server.broadcast("room:a", "news", {"n": 1})
    await world.server.disconnect("user_socket:ann")
    answer = await client.post(b'["1","2","room:a","echo",{}]')
    assert (answer["status"], answer["reason"]) == (410, "disconnected")
    assert (await client.receive()).payload == {"n": 1}
    world.pass_time(15.1)
    with pytest.raises(Ended):
        await client.poll()
    assert world.server.endpoint._draining == {}


@pytest.mark.parametrize(
    "token", ["nts_", "nts_.", "nts_x.y.-1", "nts_x.y.1e9", "nts_x.y." + "9" * 400, "nts_\0.y.1"]
)
async def test_token_that_is_none_is_a_dead_session(world: World, token: str) -> None:
    """
    Whatever begins as one of ours is answered as one.
    """
    client = world.stranger(LongPollClient)
    client.token = token
    with pytest.raises(Ended):
        await client.poll()
    assert (await client.post(b"[]"))["status"] == 410
    assert world.server.endpoint.count() == 0


async def test_cursor_beyond_what_was_sent_ends_the_session(
    world: World, client: LongPollClient
) -> None:
    """
    Such a client has another history than ours; nobody is told what is not his.
    """
    assert client.token is not None
    client.token = client.token.rpartition(".")[0] + ".1000"
    assert (await client.ended()).code == "ack_beyond_sent"
    assert world.server.endpoint.count() == 0


async def test_post_without_a_token_is_answered_410(world: World) -> None:
    """
    Also with a user token, which opens no session by a POST.
    """
    client = world.stranger(LongPollClient)
    for token in ("", world.token()):
        client.token = token
        answer = await client.post(b"[]")
        assert (answer["status"], answer["reason"]) == (410, "session_gone")
    assert world.server.endpoint.count() == 0


# --- posts


@pytest.mark.parametrize("content_type", ["application/x-ndjson", "Application/X-NDJSON; x=y"])
async def test_batch_is_handled_line_by_line(client: LongPollClient, content_type: str) -> None:
    """
    Text and binary in one, with whatever line ends and blank lines.
    """
    binary = client.encode("1", "2", "room:a", "binary", b"\0\xff")
    assert isinstance(binary, bytes)
    lines = [
        client.encode("1", "1", "room:a", "echo", {"n": 1}),
        b64encode(binary).decode(),
        client.encode("1", "3", "room:a", "echo", {"n": 3}),
    ]
    body = "\r\n\r\n".join(map(str, lines)) + "\n"
    assert await client.post(body.encode(), content_type) == {"status": 200}
    events = [(await client.receive()).event for _ in range(5)]
    assert events == ["phx_reply", "pushed", "news", "phx_reply", "phx_reply"]


async def test_batch_is_taken_up_to_its_bound(client: LongPollClient) -> None:
    """
    One line more is refused as a whole, before any of it is read.
    """
    line, most = str(client.encode(None, "1", "phoenix", "heartbeat", {})), LIMITS.max_batch_lines
    body = f"{line}\r\n".encode() * most
    assert await client.post(body, "application/x-ndjson; charset=utf-8") == {"status": 200}
    assert [(await client.receive()).ref for _ in range(most)] == ["1"] * most
    for body in (f"{line}\n" * (most + 1), "\n".join(["x"] * 90_000)[:90_000]):
        answer = await client.post(body.encode(), "application/x-ndjson")
        assert (answer["status"], answer["reason"]) == (400, "batch_too_long")
        assert f"expected at most {most} lines, got " in answer["message"]


async def test_lines_are_one_message_without_the_type(client: LongPollClient) -> None:
    """
    Any other content type is one message, however it looks.
    """
    line = client.encode("1", "1", "room:a", "echo", {})
    answer = await client.post(f"{line}\n{line}".encode(), "application/json")
    assert (answer["status"], answer["reason"]) == (400, "bad_message")
    await client.nothing_more()


async def test_binary_may_be_posted_as_it_is(client: LongPollClient) -> None:
    """
    phoenix.js 1.6 does.
    """
    data = client.encode("1", "2", "room:a", "binary", b"\n\xff")
    assert isinstance(data, bytes)
    assert await client.post(data, "application/octet-stream") == {"status": 200}
    assert (await client.receive()).payload == client.binary(b"\n\xff")


async def test_post_tells_when_it_has_ended_its_session(
    world: World, client: LongPollClient
) -> None:
    """
    By what it brought: 410 with the reason, so that the client starts anew at once.
    """
    lines = "\n".join([str(client.encode(None, "1", "phoenix", "heartbeat", {}))] * 20)
    answers = [await client.post(lines.encode(), "application/x-ndjson") for _ in range(3)]
    assert answers[:2] == [{"status": 200}] * 2
    assert (answers[2]["status"], answers[2]["reason"]) == (410, "slow_consumer")


# --- for people with curl


async def test_join_comes_with_the_connect(world: World, client: LongPollClient) -> None:
    """
    Several topics at once, each with its reply in the first answer.
    """
    query = [("guest", "bob"), ("vsn", "2.0.0"), ("join", "room:a"), ("join", "nobody's")]
    answer = await client.request("GET", query)
    assert answer["status"] == 200
    replies = sorted(json.loads(message)[1:] for message in answer["messages"])
    assert [reply[1] for reply in replies] == ["room:a", "nobody's"]
    assert [reply[3]["status"] for reply in replies] == ["ok", "error"]
    client.token = answer["token"]
    await world.server.broadcast("room:a", "news", {})
    assert len((await client.poll())["messages"]) == 1


async def test_pretty_answer_is_for_human_eyes(world: World) -> None:
    """
    Messages as JSON, indented, and the URL to go on with.
    """
    url = f"{world.url('longpoll')}?guest=ann&vsn=2.0.0&join=room:a&pretty=1"
    async with world.http.get(url) as response:
        text = await response.text()
    assert text.startswith('{\n  "status": 200')
    assert text.endswith("}\n")
    answer = json.loads(text)
    assert answer["messages"][0][3:] == [
        "phx_reply",
        {"status": "ok", "response": {"topic": "room:a"}},
    ]
    await world.server.broadcast("room:a", "news", {"n": 1})
    async with world.http.get(f"http://127.0.0.1:{world.port}{answer['next']}") as response:
        answer = await response.json()
    assert answer["messages"] == [[None, None, "room:a", "news", {"n": 1}]]
    await world.server.disconnect("user_socket:ann")
    async with world.http.get(f"http://127.0.0.1:{world.port}{answer['next']}") as response:
        assert (await response.json())["status"] == 500


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
async def test_other_methods_are_refused(world: World, method: str) -> None:
    """
    400 without a word, as in Phoenix; nothing is opened.
    """
    async with world.http.request(method, world.url("longpoll"), params={"guest": "a"}) as response:
        assert (response.status, await response.read()) == (400, b"")
    assert world.server.endpoint.count() == 0


# --- bounds


async def test_body_is_taken_up_to_its_bound(client: LongPollClient) -> None:
    """
    To the byte.
    """
    empty = len(client.encode("1", "1", "room:a", "echo", {"x": ""}))
    text = "x" * (LIMITS.max_message_bytes - empty)
    body = str(client.encode("1", "1", "room:a", "echo", {"x": text})).encode()
    assert len(body) == LIMITS.max_message_bytes
    assert await client.post(body) == {"status": 200}
    assert (await client.receive()).payload["response"] == {"x": text}


async def test_session_of_a_slow_consumer_ends(world: World, client: LongPollClient) -> None:
    """
    Nothing is skipped in silence: it is told why, and comes back.
    """
    other = await world.guest(LongPollClient, "bob")
    await other.join("room:a")
    for number in range(LIMITS.max_mailbox_messages + 5):
        await world.server.broadcast("room:a", "news", {"n": number})
        assert (await other.receive()).payload == {"n": number}
    assert (await client.ended()).code == "slow_consumer"


async def test_bounds_of_sessions_are_told(door: str) -> None:
    """
    On the server, and of one user.
    """
    limits = Limits(max_sessions=3, max_sessions_per_user=2)
    async with world_behind(door, limits=limits) as world:
        told = []
        for name in ("a", "a", "a", "b", "c"):
            client = world.stranger(LongPollClient)
            answer = await client.request("GET", {"guest": name})
            told.append(answer.get("reason"))
        assert told == [None, None, "too_many_sessions", None, "too_many_sessions"]
