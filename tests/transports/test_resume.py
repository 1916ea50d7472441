"""
Sessions that survive, over real connections and through both doors: the rules of
`docs/protocol.md`, one by one.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from typing import Any

import pytest
from aiohttp import WSMsgType
from attrs import evolve

from notifier import UserSocket
from notifier.session.resume import ACK_EVERY, MAX_CANDIDATES
from notifier.transports.opening import MAX_OPENING_BYTES
from transports.clients import LongPollClient, WebSocketClient
from transports.resumable import (
    JOIN,
    JOINED,
    KEY,
    Resumable,
    beat,
    control,
    heartbeat,
)
from transports.world import LIMITS, World, until, world_behind


@pytest.fixture
async def client(world: World) -> Resumable:
    """
    A client that has joined `room:a` by its opening POST, and has the reply.
    """
    client = Resumable(world)
    await client.open(JOIN)
    return client


def news(n: int) -> list[Any]:
    return [None, None, "room:a", "news", {"n": n}]


async def send(world: World, n: int) -> None:
    await world.server.broadcast("room:a", "news", {"n": n})


# --- opening


async def test_post_opens_joins_and_gets_the_reply(world: World) -> None:
    """
    In one round trip.
    """
    client = Resumable(world)
    answer = await client.open(JOIN, heartbeat(2))
    messages = [json.loads(text) for text in answer.pop("messages")]
    assert sorted(map(str, messages)) == sorted(map(str, [JOINED, beat(2)]))
    token = answer.pop("token")
    assert token.startswith("nts_")
    assert token.endswith(".2")
    assert answer == {"status": 200, "seq": 1, "received": 2}


async def test_post_opens_without_lines(world: World) -> None:
    """
    Who has nothing to say yet says nothing.
    """
    answer = await Resumable(world).open()
    assert (answer["seq"], answer["received"], answer["messages"]) == (1, 0, [])


async def test_post_that_is_repeated_opens_once(world: World) -> None:
    """
    The key finds the session, whose lines are not handled again.
    """
    client = Resumable(world)
    first = await client.open(JOIN)
    assert await client.open(JOIN) == first
    assert len(world.sessions()) == 1
    answers = await asyncio.gather(*(client.open(JOIN, key="another-key-another") for _ in "abc"))
    assert len({answer["token"].rpartition(".")[0] for answer in answers}) == 1
    assert all(len(answer["messages"]) == 1 for answer in answers)
    assert len(world.sessions()) == 2


async def test_post_that_is_repeated_late_disturbs_nobody(client: Resumable) -> None:
    """
    A poll that waits goes on waiting.
    """
    world = client.world
    polling = asyncio.create_task(client.poll(ack=1))
    await world.parked()
    assert (await Resumable(world).open(JOIN))["received"] == 1
    await send(world, 1)
    assert (await polling)["messages"] == [news(1)]


async def test_key_is_forgotten_after_a_while(client: Resumable) -> None:
    """
    Later it opens another session.
    """
    client.world.pass_time(LIMITS.resume_window_ms / 1000)
    answer = await Resumable(client.world).open()
    assert answer["token"].rpartition(".")[0] != client.token.rpartition(".")[0]


async def test_key_of_a_session_that_has_ended_says_so(client: Resumable) -> None:
    """
    Rather than open another in its place.
    """
    await client.post(None, notifier="close")
    answer = await Resumable(client.world).open(JOIN)
    assert (answer["status"], answer["reason"]) == (500, "client_closed")


async def test_key_of_somebody_else_opens_nothing(world: World) -> None:
    """
    However two clients come by the same key: the session is not given away.
    """
    token = world.token("ann")
    await Resumable(world, user_token=token).open(JOIN)
    answer = await Resumable(world, user_token=world.token("bob")).open(JOIN)
    assert (answer["status"], answer["reason"]) == (403, "not_yours")
    assert (await Resumable(world, user_token=token).open(JOIN))["status"] == 200


@pytest.mark.parametrize(
    ("lines", "key", "status", "reason"),
    [
        ([JOIN, "[1]"], KEY, 400, "bad_message"),
        ([JOIN], "short", 400, "open_key_invalid"),
        ([JOIN] * (LIMITS.max_batch_lines + 1), KEY, 400, "batch_too_long"),
        (["x" * (MAX_OPENING_BYTES + 1)], KEY, 413, "message_too_large"),
    ],
)
async def test_opening_that_is_no_good_opens_nothing(
    world: World, lines: list[str], key: str, status: int, reason: str
) -> None:
    """
    And says why.
    """
    answer = await Resumable(world).open(*lines, key=key)
    assert (answer["status"], answer["reason"]) == (status, reason)
    assert world.sessions() == []


async def test_refused_connect_opens_nothing(world: World) -> None:
    """
    As on a GET, and the key may be used again.
    """
    answer = await Resumable(world, user_token="garbage").open(JOIN)
    assert (answer["status"], answer["reason"]) == (403, "token_invalid")
    assert (await Resumable(world, user_token=world.token()).open(JOIN))["status"] == 200


async def test_get_opens_with_the_counts(world: World) -> None:
    """
    410 as in Phoenix, and two keys more.
    """
    client = Resumable(world)
    answer = await client.request("GET", client.query(notifier="resume"), {})
    token = answer.pop("token")
    assert answer == {"status": 410, "seq": 1, "received": 0, "messages": []}
    client.token = token
    assert await client.post(1, JOIN) == {"status": 200, "received": 1}
    answer = await client.poll(ack=0)
    assert (answer["seq"], answer["received"], answer["messages"]) == (1, 1, [JOINED])


async def test_plain_session_has_none_of_it(world: World) -> None:
    """
    Whatever headers it sends.
    """
    client = await world.guest(LongPollClient)
    headers = {"X-Notifier-Ack": "9", "X-Notifier-Turn": "9", "X-Notifier-Seq": "9"}
    query = {"vsn": "2.0.0", "token": client.token or ""}
    answer = await client.request("POST", query, heartbeat(1).encode(), headers)
    assert answer == {"status": 200}
    answer = await client.request("GET", query, headers=headers)
    assert list(answer) == ["status", "token", "messages"]
    assert await client.request("POST", {**query, "notifier": "close"}, JOIN.encode()) == {
        "status": 200
    }
    assert len(world.sessions()) == 1


# --- polls


async def test_poll_is_answered_again_until_it_is_acknowledged(client: Resumable) -> None:
    """
    By X-Notifier-Ack, where the cursor is not looked at.
    """
    await send(client.world, 1)
    for _ in range(2):
        answer = await client.poll(ack=1, token=client.token)
        assert (answer["status"], answer["seq"], answer["messages"]) == (200, 2, [news(1)])
    await send(client.world, 2)
    answer = await client.poll(ack=2)
    assert (answer["seq"], answer["messages"]) == (3, [news(2)])


async def test_poll_goes_by_its_cursor_when_it_has_no_ack(client: Resumable) -> None:
    """
    For curl.
    """
    await send(client.world, 1)
    answer = await client.poll()
    assert (answer["seq"], answer["messages"]) == (2, [news(1)])


async def test_another_on_the_token_acknowledges_when_it_goes_on(client: Resumable) -> None:
    """
    Its look takes nothing; the next is for what comes after, and the owner sees the hole.
    """
    token = client.token
    await send(client.world, 1)
    looked = await client.poll(token=token)
    assert looked["messages"] == [news(1)]
    assert (await client.poll(ack=1, token=token))["messages"] == [news(1)]
    await send(client.world, 2)
    assert (await client.poll(token=looked["token"]))["messages"] == [news(2)]
    late = await client.poll(ack=1, token=token)
    assert (late["status"], late["seq"], late["messages"]) == (204, 3, [])


async def test_empty_answer_says_the_next_number(client: Resumable) -> None:
    """
    And is there when the window is over.
    """
    polling = asyncio.create_task(client.poll(ack=1))
    await client.world.parked()
    client.world.pass_time(LIMITS.window_ms / 1000)
    answer = await polling
    assert {**answer, "token": ""} == {
        "status": 204,
        "token": "",
        "seq": 2,
        "received": 1,
        "messages": [],
    }


async def test_poll_below_the_floor_gets_204(client: Resumable) -> None:
    """
    It came late.
    """
    await send(client.world, 1)
    await client.poll(ack=1)
    await send(client.world, 2)
    await client.poll(ack=2)
    answer = await client.poll(ack=1)
    assert (answer["status"], answer["seq"]) == (204, 3)


async def test_binary_comes_as_a_line_of_base64(client: Resumable) -> None:
    """
    Whatever its bytes are, as lines go the other way.
    """
    await client.world.server.broadcast("room:a", "news", b"\x00\xff")
    (line,) = (await client.poll(ack=1))["messages"]
    assert b64decode(line) == b"\x02\x06\x04room:anews\x00\xff"


async def test_ack_beyond_what_was_sent_ends_the_session(client: Resumable) -> None:
    """
    500, so that it begins anew.
    """
    answer = await client.poll(ack=9)
    assert (answer["status"], answer["reason"]) == (500, "ack_beyond_sent")


async def test_pretty_answer_is_for_human_eyes(client: Resumable) -> None:
    """
    On a resumable session, too.
    """
    await send(client.world, 1)
    answer = await client.request("GET", {"token": client.token, "pretty": "1"}, {})
    assert answer["messages"] == [news(1)]


# --- posts


async def test_post_that_is_repeated_is_handled_once(client: Resumable) -> None:
    """
    And of an overlap what is new.
    """
    assert await client.post(2, heartbeat(2)) == {"status": 200, "received": 2}
    assert await client.post(2, heartbeat(2)) == {"status": 200, "received": 2}
    answer = await client.post(2, heartbeat(2), "", heartbeat(3))
    assert answer == {"status": 200, "received": 3}
    assert (await client.poll(ack=1))["messages"] == [beat(2), beat(3)]


@pytest.mark.parametrize(
    ("seq", "lines", "status", "reason"),
    [
        (3, [heartbeat(3)], 409, "sequence_gap"),
        (None, [heartbeat(2)], 400, "sequence_missing"),
        (0, [heartbeat(2)], 400, "sequence_missing"),
        (2, [heartbeat(2)] * (LIMITS.max_batch_lines + 1), 400, "batch_too_long"),
    ],
)
async def test_post_that_cannot_be_counted_is_refused(
    client: Resumable, seq: int | None, lines: list[str], status: int, reason: str
) -> None:
    """
    Nothing of it is handled, and the answer says how far the server is.
    """
    answer = await client.post(seq, *lines)
    assert (answer["status"], answer["reason"], answer["received"]) == (status, reason, 1)
    assert await client.post(2, heartbeat(2)) == {"status": 200, "received": 2}
    assert (await client.poll(ack=1))["messages"] == [beat(2)]


async def test_line_that_cannot_be_read_counts_as_received(client: Resumable) -> None:
    """
    It is named, and the others are handled: nobody sends it for ever.
    """
    answer = await client.post(2, heartbeat(2), "[1]", heartbeat(4))
    assert (answer["status"], answer["reason"], answer["received"]) == (400, "bad_message", 4)
    assert answer["message"].startswith("line 2: ")
    assert (await client.poll(ack=1))["messages"] == [beat(2), beat(4)]


async def test_message_that_is_too_large_counts_as_received(client: Resumable) -> None:
    """
    As one that says the wrong thing does.
    """
    answer = await client.post(2, "x" * (LIMITS.max_message_bytes + 1))
    assert (answer["status"], answer["reason"]) == (413, "message_too_large")
    assert answer["received"] == 2
    assert await client.post(3, heartbeat(3)) == {"status": 200, "received": 3}


async def test_body_may_be_one_message(client: Resumable) -> None:
    """
    As in Phoenix, where it says no other type.
    """
    headers = {"X-Notifier-Seq": "2", "Content-Type": "application/json"}
    query = {"token": client.token}
    answer = await client.request("POST", query, headers, heartbeat(2).encode())
    assert answer == {"status": 200, "received": 2}


async def test_post_ends_a_session(client: Resumable) -> None:
    """
    A page that is left says goodbye, and need not set a header.
    """
    assert await client.post(None, "whatever", notifier="close") == {"status": 200}
    assert client.world.sessions() == []
    assert (await client.poll(ack=1))["reason"] == "client_closed"
    assert (await client.post(2, heartbeat(2)))["status"] == 410


async def test_post_is_told_when_its_lines_end_the_session(client: Resumable) -> None:
    """
    Whatever they asked for.
    """
    polling = asyncio.create_task(client.poll(ack=1))
    await client.world.parked()
    await client.world.server.disconnect("user_socket:ann")
    assert (await client.post(2, heartbeat(2)))["status"] == 410
    assert (await polling)["reason"] == "disconnected"


async def test_headers_of_ours_pass_the_preflight(world: World) -> None:
    """
    As any other.
    """
    asked = "x-notifier-ack,x-notifier-seq,x-notifier-turn,x-notifier-open"
    headers = {"access-control-request-headers": asked}
    async with world.http.options(world.url("longpoll"), headers=headers) as response:
        assert response.headers["access-control-allow-headers"] == asked


# --- moving


async def test_session_moves_to_a_websocket_once_it_answers(client: Resumable) -> None:
    """
    The parked poll is let go only then, and delivery goes on where the client stands.
    """
    polling = asyncio.create_task(client.poll(ack=1))
    await client.world.parked()
    wire = await client.attach()
    assert not polling.done()
    await wire.ack(1, turn=1)
    resumed = await wire.receive()
    assert (resumed[3], resumed[4]["seq"], resumed[4]["received"]) == ("resumed", 1, 1)
    answer = await polling
    assert (answer["status"], answer["transport"]) == (204, "websocket")
    await send(client.world, 1)
    assert await wire.receive() == news(1)
    await wire.send(heartbeat(2))
    assert await wire.receive() == beat(2)
    assert client.world.server.endpoint.count("websocket") == 1


async def test_poll_goes_on_beside_a_candidate_that_never_answers(client: Resumable) -> None:
    """
    It disturbs nobody, and is closed after a while.
    """
    wire = await client.attach()
    await send(client.world, 1)
    assert (await client.poll(ack=1))["messages"] == [news(1)]
    client.world.pass_time(20.0)
    await client.poll(ack=0)
    client.world.pass_time(10.0)
    assert await wire.closed() == 4408
    assert len(client.world.sessions()) == 1


async def test_poll_takes_the_session_back(client: Resumable) -> None:
    """
    With what the WebSocket was sent, and the client does not have.
    """
    wire = await client.move(1, 1, received=1)
    await send(client.world, 1)
    assert await wire.receive() == news(1)
    answer = await client.poll(ack=1, turn=2)
    assert (answer["seq"], answer["messages"]) == (2, [news(1)])
    assert await wire.closed() == 4409
    assert client.world.server.endpoint.count("longpoll") == 1


async def test_stale_poll_touches_nothing(client: Resumable) -> None:
    """
    It was sent before the move, and is told of it.
    """
    wire = await client.move(1, 1, received=1)
    answer = await client.poll(ack=1, turn=0)
    assert (answer["status"], answer["transport"]) == (204, "websocket")
    await send(client.world, 1)
    assert await wire.receive() == news(1)


async def test_newest_websocket_wins(client: Resumable) -> None:
    """
    What is under way on the older is dropped, and its end ends nothing.
    """
    old = await client.move(1, 1, received=1)
    new = await client.move(1, 2, received=1)
    assert await old.closed() == 4409
    await old.websocket.close()
    await new.send(heartbeat(2))
    assert await new.receive() == beat(2)


async def test_stale_candidate_is_closed(client: Resumable) -> None:
    """
    Its client has decided otherwise meanwhile.
    """
    late = await client.attach()
    wire = await client.move(1, 2, received=1)
    await late.ack(1, turn=1)
    assert await late.closed() == 4409
    await wire.send(heartbeat(2))
    assert await wire.receive() == beat(2)


async def test_frames_are_counted_from_the_websockets_own_resumed(client: Resumable) -> None:
    """
    What came by a late POST as well is handled once.
    """
    wire = await client.move(1, 1, received=1)
    assert await client.post(2, heartbeat(2)) == {"status": 200, "received": 2}
    assert await wire.receive() == beat(2)
    await wire.send(heartbeat(2), heartbeat(3))
    assert await wire.receive() == beat(3)


async def test_session_outlives_a_cut(client: Resumable) -> None:
    """
    What was written and not acknowledged comes again, what was not received is asked for.
    """
    wire = await client.move(1, 1, received=1)
    for n in (1, 2):
        await send(client.world, n)
        assert await wire.receive() == news(n)
    await wire.ack(2)
    await until(lambda: client.world.sessions()[0].session.mailbox.acked == 2)
    wire.cut()
    await until(lambda: client.world.server.endpoint.count("websocket") == 0)
    await send(client.world, 3)
    wire = await client.move(2, 2, received=1)
    assert [await wire.receive(), await wire.receive()] == [news(2), news(3)]


async def test_session_is_told_by_poll_after_a_half_open_websocket(client: Resumable) -> None:
    """
    The server need not see the end of it first.
    """
    await client.move(1, 1, received=1)
    await send(client.world, 1)
    assert (await client.poll(ack=1, turn=2))["messages"] == [news(1)]


async def test_binary_is_binary_on_a_websocket(client: Resumable) -> None:
    """
    Both ways.
    """
    wire = await client.move(1, 1, received=1)
    push = b"\x00\x01\x01\x06\x06" + b"12room:abinary" + b"\xff"
    await wire.websocket.send_bytes(push)
    assert (await wire.websocket.receive_bytes()).endswith(b"pushed\xff")


async def test_session_in_v1_has_control_frames_in_v1(world: World) -> None:
    """
    In the session's serializer, whatever the WebSocket's `vsn` says.
    """
    client = Resumable(world, vsn="1.0.0")
    await client.open()
    wire = await client.websocket(**client.query(notifier=client.token))
    probe = await wire.receive()
    assert (probe["topic"], probe["event"], probe["payload"]) == ("phoenix", "probe", {})


# --- candidates that may not


async def test_attach_to_nothing_is_closed_after_the_handshake(client: Resumable) -> None:
    """
    Browsers cannot read why a handshake is refused.
    """
    wire = await client.websocket(**client.query(notifier="nts_none.x.0"))
    assert await wire.closed() == 4410
    wire = await client.websocket(**client.query(notifier="nts_"))
    assert await wire.closed() == 4410
    await client.world.server.disconnect("user_socket:ann")
    wire = await client.websocket(**client.query(notifier=client.token))
    assert await wire.closed() == 4410


async def test_plain_session_cannot_be_attached_to(world: World) -> None:
    """
    It has a WebSocket of its own, or polls.
    """
    plain = await world.guest(LongPollClient)
    wire = await Resumable(world).websocket(notifier=plain.token or "", guest="ann")
    assert await wire.closed() == 4403


@pytest.mark.parametrize("who", [None, "bob", "garbage"])
async def test_session_is_given_to_its_user_only(world: World, who: str | None) -> None:
    """
    The session token is not enough.
    """
    client = Resumable(world, user_token=world.token("ann"))
    await client.open(JOIN)
    query = {"vsn": "2.0.0", "notifier": client.token}
    if who is not None:
        query["token"] = world.token(who) if who == "bob" else who
    wire = await client.websocket(**query)
    assert await wire.closed() == 4403
    assert world.server.endpoint.refused == {"not_yours": 1}


async def test_user_may_come_back_with_any_token(world: World) -> None:
    """
    With another, and with one that has expired since.
    """
    client = Resumable(world, user_token=world.token("ann"))
    await client.open(JOIN)
    for turn, age in ((1, 60), (2, -1)):
        client.user_token = world.token("ann", max_age=age)
        await client.move(1, turn, received=1)


async def test_tokens_may_come_as_subprotocols(world: World) -> None:
    """
    So that neither stands in a URL.
    """
    client = Resumable(world, user_token=world.token("ann"))
    await client.open(JOIN)
    wire = await client.subprotocols(world.token("ann"))
    assert await wire.receive() == control("probe")
    wire = await client.subprotocols(world.token("bob"))
    assert await wire.closed() == 4403


async def test_crash_of_an_authors_resume_gives_nothing_away(door: str) -> None:
    """
    Whoever cannot be checked is not let in.
    """

    class Crashing(UserSocket):
        async def connect(self, params: object, info: object) -> None:
            self.opened_with = ""

        async def resume(self, info: object) -> None:
            raise RuntimeError

    async with world_behind(door, Crashing) as world:
        client = Resumable(world)
        await client.open()
        wire = await client.websocket(**client.query(notifier=client.token))
        assert await wire.closed() == 4403


@pytest.mark.parametrize(
    "frame",
    [
        heartbeat(2),
        control("ack"),
        control("ack", seq="1"),
        control("ack", seq=-1),
        control("ack", seq=1, turn="1"),
        control("resumed", seq=1),
        "[1]",
    ],
)
async def test_candidate_that_does_not_answer_its_probe_is_closed(
    client: Resumable, frame: Any
) -> None:
    """
    No counted frame before `resumed`; the session goes on, and has counted nothing.
    """
    wire = await client.attach()
    await wire.send(frame)
    assert await wire.closed() == 1011
    assert await client.post(2, heartbeat(2)) == {"status": 200, "received": 2}


async def test_candidates_are_few(client: Resumable) -> None:
    """
    One more closes the oldest.
    """
    wires = [await client.attach() for _ in range(MAX_CANDIDATES + 1)]
    assert await wires[0].closed() == 4409
    await wires[1].ack(1, turn=1)
    assert (await wires[1].receive())[3] == "resumed"


# --- on a WebSocket


async def test_websocket_opens_with_its_token(world: World) -> None:
    """
    In the first frame; the session goes on by polling.
    """
    client = Resumable(world)
    wire = await client.open_websocket()
    await wire.send(JOIN)
    assert await wire.receive() == JOINED
    wire.cut()
    await until(lambda: world.server.endpoint.count("websocket") == 0)
    await send(world, 1)
    answer = await client.poll(ack=1, turn=1)
    assert (answer["seq"], answer["received"], answer["messages"]) == (2, 1, [news(1)])


async def test_goodbye_ends_the_session(world: World) -> None:
    """
    Close code 1000, on what carries it.
    """
    client = Resumable(world)
    wire = await client.open_websocket()
    await wire.websocket.close(code=1000)
    await until(lambda: world.sessions() == [])
    assert (await client.poll(ack=0, turn=1))["reason"] == "client_closed"


@pytest.mark.parametrize("code", [4000, 1001, 1011])
async def test_any_other_close_detaches(world: World, code: int) -> None:
    """
    For a while the session waits for its client.
    """
    client = Resumable(world)
    wire = await client.open_websocket()
    await wire.websocket.close(code=code)
    await until(lambda: world.server.endpoint.count("websocket") == 0)
    world.pass_time(LIMITS.resume_window_ms / 1000 - 5)
    assert len(world.sessions()) == 1
    world.pass_time(5)
    assert world.sessions() == []
    assert (await client.poll(ack=0, turn=1))["reason"] == "detached_too_long"


async def test_goodbye_of_a_candidate_or_of_an_older_one_ends_nothing(client: Resumable) -> None:
    """
    Only of what carries the session.
    """
    await (await client.attach()).websocket.close(code=1000)
    old = await client.move(1, 1, received=1)
    new = await client.move(1, 2, received=1)
    await old.websocket.close(code=1000)
    await new.send(heartbeat(2))
    assert await new.receive() == beat(2)


async def test_client_is_told_what_was_received(world: World) -> None:
    """
    After so many frames at once, else after five seconds.
    """
    wire = await Resumable(world).open_websocket()
    await wire.send(*map(heartbeat, range(1, ACK_EVERY + 1)))
    got = [await wire.receive() for _ in range(ACK_EVERY + 1)]
    assert control("ack", received=ACK_EVERY) in got
    await wire.send(heartbeat(99))
    assert await wire.receive() == beat(99)
    world.pass_time(5.0)
    assert await wire.receive() == control("ack", received=ACK_EVERY + 1)


@pytest.mark.parametrize(
    ("frame", "code"), [("[1]", 1011), ("x" * (LIMITS.max_message_bytes + 1), 1009)]
)
async def test_frame_that_is_refused_counts_as_received(
    client: Resumable, frame: str, code: int
) -> None:
    """
    It closes its WebSocket and costs the session nothing.
    """
    wire = await client.move(1, 1, received=1)
    await wire.send(frame)
    assert await wire.closed() == code
    await until(lambda: client.world.server.endpoint.count("websocket") == 0)
    await send(client.world, 1)
    answer = await client.poll(ack=1, turn=2)
    assert (answer["received"], answer["messages"]) == (2, [news(1)])


async def test_control_frame_that_is_no_good_is_not_counted(client: Resumable) -> None:
    """
    It closes its WebSocket only.
    """
    wire = await client.move(1, 1, received=1)
    await wire.send(control("ack", seq="x"))
    assert await wire.closed() == 1011
    assert await client.post(2, heartbeat(2)) == {"status": 200, "received": 2}


async def test_ack_beyond_what_was_sent_ends_the_session_of_a_websocket(
    client: Resumable,
) -> None:
    """
    For candidates, too.
    """
    wire = await client.move(1, 1, received=1)
    candidate = await client.attach()
    await wire.ack(9)
    assert await wire.closed() == 1002
    assert await candidate.closed() == 1002
    assert (await client.poll(ack=1, turn=2))["reason"] == "ack_beyond_sent"


async def test_silent_websocket_is_given_up_and_the_session_is_not(world: World) -> None:
    """
    It may be the network's doing.
    """
    client = Resumable(world)
    wire = await client.websocket(**client.query(notifier="resume"))
    client.token = (await wire.receive())[4]["token"]
    connection = wire.websocket._response.connection
    assert connection is not None
    assert connection.transport is not None
    connection.transport.pause_reading()
    for _ in range(3):
        world.pass_time(20.0)
    await until(lambda: world.server.endpoint.count("websocket") == 0)
    assert len(world.sessions()) == 1
    connection.transport.abort()


async def test_messages_before_the_end_are_written(client: Resumable) -> None:
    """
    Then comes the end, which a poll is told as well.
    """
    wire = await client.move(1, 1, received=1)
    await send(client.world, 1)
    await client.world.server.disconnect("user_socket:ann")
    assert await wire.receive() == news(1)
    assert await wire.closed() == 1001
    assert (await client.poll(ack=1, turn=2))["messages"] == [news(1)]
    assert (await client.poll(ack=2, turn=2))["reason"] == "disconnected"


async def test_client_that_acknowledges_nothing_is_let_go(client: Resumable) -> None:
    """
    The mailbox keeps what is not acknowledged, and has its bound.
    """
    wire = await client.move(1, 1, received=1)
    for n in range(LIMITS.max_mailbox_messages + 1):
        await send(client.world, n)
    while (message := await wire.websocket.receive()).type is WSMsgType.TEXT:
        pass  # what was written before
    assert message.data == 1013


async def test_session_that_ends_during_the_handshake_closes_its_websocket(
    client: Resumable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Somebody may be thrown out in the moment in which he comes.
    """
    endpoint = client.world.server.endpoint
    checked = type(endpoint).check_owner

    async def check_and_end(*arguments: Any) -> None:
        await checked(*arguments)
        await client.world.server.disconnect("user_socket:ann")

    monkeypatch.setattr(type(endpoint), "check_owner", check_and_end)
    wire = await client.websocket(**client.query(notifier=client.token))
    message = await wire.websocket.receive()
    if message.type is WSMsgType.TEXT:  # the probe was there first
        message = await wire.websocket.receive()
    assert wire.websocket.close_code == 1001


# --- bounds


async def test_session_that_is_detached_longest_makes_room(door: str) -> None:
    """
    At the limit of sessions per user; while all are carried, none goes.
    """
    limits = evolve(LIMITS, max_sessions_per_user=2)
    async with world_behind(door, limits=limits) as world:
        first, second, third = Resumable(world), Resumable(world), Resumable(world)
        await first.open(key=None)
        world.pass_time(1.0)
        await second.open(key=None)
        assert (await third.open(key=None))["status"] == 200
        assert (await first.poll(ack=0))["reason"] == "displaced"
        await second.move(0, 1, received=0)
        await third.move(0, 1, received=0)
        answer = await first.open(key=None)
        assert (answer["status"], answer["reason"]) == (403, "too_many_sessions")


async def test_plain_session_does_not_make_room(door: str) -> None:
    """
    Nor do those of others.
    """
    limits = evolve(LIMITS, max_sessions_per_user=1)
    async with world_behind(door, limits=limits) as world:
        await world.guest(WebSocketClient, "ann")
        await Resumable(world, guest="bob").open()
        answer = await Resumable(world, guest="ann").open(key="another-key-another")
        assert (answer["status"], answer["reason"]) == (403, "too_many_sessions")


async def test_connection_shows_no_token_when_printed(client: Resumable) -> None:
    """
    It may come into a log.
    """
    await client.move(1, 1, received=1)
    slots = client.world.server.endpoint.deadlines._slots.values()
    shown = " ".join(repr(one) for slot in slots for one in slot.values())
    assert "AttachedConnection LIVE" in shown
    assert client.token[:20] not in shown
    assert KEY not in shown
