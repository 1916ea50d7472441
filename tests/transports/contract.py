"""
What every transport does, behind every door, in both versions of the protocol.

    class TestContract(TransportContract):
        client_class = LongPollClient
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest
from attrs import evolve

from notifier.protocol.reasons import DISCONNECTED, RESTARTING, SLOW_CONSUMER, Reason
from transports.clients import Client, Ended, LongPollClient, Refused, WebSocketClient
from transports.world import LIMITS, SECRET, World, until, world_behind

OK: dict[str, Any] = {"status": "ok", "response": {}}
CRASH = ("phx_error", {"reason": "channel_crash"})


def error(reason: str) -> dict[str, Any]:
    return {"status": "error", "response": {"reason": reason}}


class TransportContract:
    """
    Inherit it, and name the client that speaks the transport.
    """

    client_class: ClassVar[type[Client]]

    def told(self, reason: Reason) -> str | int:
        """
        Give the code by which the transport tells why a session has ended.
        """
        raise NotImplementedError

    @pytest.fixture
    async def client(self, world: World, vsn: str) -> Client:
        """
        A client that has joined `room:a`.
        """
        client = await world.guest(self.client_class, vsn=vsn)
        assert await client.join("room:a") == {"status": "ok", "response": {"topic": "room:a"}}
        return client

    @pytest.fixture(params=[LongPollClient, WebSocketClient])
    async def other(self, world: World, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
        """
        Somebody else in `room:a`, on either transport.
        """
        other = await world.guest(request.param, "bob")
        await other.join("room:a")
        yield other
        await other.nothing_more()

    # --- joins and leaves

    async def test_push_from_the_join_comes_after_its_reply(
        self, world: World, client: Client
    ) -> None:
        """
        What a channel sends itself in `join` is handled once the client knows.
        """
        reply = await client.join("room:b", {"after": "hello"})
        assert reply == {"status": "ok", "response": {"topic": "room:b"}}
        pushed = await client.receive()
        assert pushed == ("2", None, "room:b", "info", {"message": "hello"})

    @pytest.mark.parametrize(
        ("topic", "payload", "reason"),
        [
            ("room:b", {"refuse": "not you"}, "not you"),
            ("room:b", {"raise": True}, "join crashed"),
            ("elsewhere", {}, "unmatched topic"),
            ("phoenix", {}, "unmatched topic"),
        ],
    )
    async def test_join_is_refused_with_a_reason(
        self, client: Client, topic: str, payload: Any, reason: str
    ) -> None:
        """
        An error reply, after which the topic is not joined and may be tried again.
        """
        assert await client.join(topic, payload) == error(reason)
        assert await client.ask(topic, "echo") == error("unmatched topic")
        assert await client.join(topic, payload) == error(reason)

    async def test_leave_is_answered_and_closes(self, client: Client) -> None:
        """
        Reply, close, and then nobody is there.
        """
        assert await client.ask("room:a", "phx_leave") == OK
        assert await client.receive() == ("1", "1", "room:a", "phx_close", {})
        assert await client.ask("room:a", "echo") == error("unmatched topic")

    async def test_leave_of_what_was_never_joined_is_answered(self, client: Client) -> None:
        """
        The client wants to be out, and it is.
        """
        assert await client.ask("room:never", "phx_leave") == OK

    async def test_leave_closes_when_terminate_raises(self, world: World, client: Client) -> None:
        """
        Cleaning up is the author's affair, the close the client's.
        """
        await client.join("fragile")
        assert await client.ask("fragile", "phx_leave") == OK
        assert (await client.receive())[2:] == ("fragile", "phx_close", {})

    async def test_second_join_takes_the_place_of_the_first(self, client: Client) -> None:
        """
        Its reply comes first, then the close of the old one, which is not heard any more.
        """
        assert (await client.join("room:a"))["status"] == "ok"
        assert await client.receive() == ("1", "1", "room:a", "phx_close", {})
        assert (await client.ask("room:a", "echo", {"n": 1}))["response"] == {"n": 1}

    async def test_join_that_hangs_is_given_up_for_the_next(self, client: Client) -> None:
        """
        Only the newest join is answered.
        """
        await client.send("room:b", "phx_join", {"hang": True})
        assert (await client.join("room:b"))["status"] == "ok"
        await client.nothing_more()

    async def test_message_of_a_former_join_is_dropped(self, client: Client) -> None:
        """
        A stale join_ref is nobody's; null is the topic's.
        """
        await client.send("room:a", "echo", join_ref="99")
        await client.send("room:a", "phx_leave", join_ref="99")
        await client.nothing_more()
        ref = await client.send("room:a", "echo", {"n": 1}, join_ref=None)
        message = await client.receive()
        assert (message.ref, message.payload["response"]) == (ref, {"n": 1})

    # --- messages

    async def test_message_is_replied_to(self, client: Client) -> None:
        """
        With what the handler returns: ok or error.
        """
        assert await client.ask("room:a", "echo", {"ü": [1, None, "\u2028"]}) == {
            "status": "ok",
            "response": {"ü": [1, None, "\u2028"]},
        }
        refused = await client.ask("room:a", "refuse", {"why": "so"})
        assert refused == {"status": "error", "response": {"why": "so"}}

    @pytest.mark.parametrize("ref", ["", "ref", 7, 1.5, "x" * 300])
    async def test_ref_comes_back_as_it_came(self, client: Client, ref: Any) -> None:
        """
        Of the same JSON type, whatever the client counts by.
        """
        await client.send("room:a", "echo", ref=ref)
        message = await client.receive()
        assert message.ref == ref
        assert type(message.ref) is type(ref)

    async def test_channel_pushes_and_sends_to_itself(self, client: Client) -> None:
        """
        A push has the join's ref and none of its own.
        """
        await client.send("room:a", "push", {"n": 1})
        assert await client.receive() == ("1", None, "room:a", "pushed", {"n": 1})
        await client.send("room:a", "self", {"n": 2})
        assert await client.receive() == ("1", None, "room:a", "info", {"message": {"n": 2}})

    async def test_reply_may_come_later(self, client: Client) -> None:
        """
        A message is answered when its channel has the answer.
        """
        late = await client.ask("room:a", "later")
        assert late == {"status": "ok", "response": {"late": True}}

    async def test_broadcast_reaches_everyone_on_the_topic(
        self, client: Client, other: Client
    ) -> None:
        """
        The sender as well, whatever carries the others.
        """
        await client.send("room:a", "all", {"n": 1})
        for one in (client, other):
            assert await one.receive() == (None, None, "room:a", "news", {"n": 1})

    async def test_broadcast_from_reaches_the_others(self, client: Client, other: Client) -> None:
        """
        Not the one that it comes from.
        """
        await client.send("room:a", "others", {"n": 1})
        assert await other.receive() == (None, None, "room:a", "news", {"n": 1})
        await client.nothing_more()

    async def test_channel_stands_between_broadcast_and_client(self, client: Client) -> None:
        """
        `handle_out` keeps it back, or pushes something else.
        """
        await client.send("room:a", "all", {"event": "hidden"})
        await client.send("room:a", "all", {"event": "shouted", "text": "hi"})
        assert await client.receive() == ("1", None, "room:a", "shouted", {"text": "HI"})
        await client.nothing_more()

    async def test_broadcast_does_not_reach_who_has_left(
        self, world: World, client: Client
    ) -> None:
        """
        Nor who was on another topic.
        """
        await client.join("room:b")
        await client.ask("room:a", "phx_leave")
        await client.receive()
        assert (await world.server.broadcast("room:a", "news", {})).reached == 0
        await client.nothing_more()

    async def test_messages_come_in_order(self, world: World, client: Client) -> None:
        """
        Broadcasts, pushes and replies as they were made, none lost, none twice.
        """
        numbers = list(range(45))
        for number in numbers:
            await world.server.broadcast("room:a", "news", {"n": number})
        assert [(await client.receive()).payload["n"] for _ in numbers] == numbers
        await client.nothing_more()

    async def test_heartbeat_is_answered(self, client: Client) -> None:
        """
        Without a channel, with a null join_ref.
        """
        ref = await client.send("phoenix", "heartbeat")
        assert await client.receive() == (None, ref, "phoenix", "phx_reply", OK)

    async def test_binary_goes_both_ways(self, world: World, vsn: str) -> None:
        """
        As it is where the client can read it, else in base64; any byte may stand in it.
        """
        client = await world.guest(self.client_class, vsn=vsn)
        await client.join("room:a")
        payload = bytes(range(256))
        if vsn == "1.0.0":
            await world.server.broadcast("room:a", "news", payload)
            news = await client.receive()
            assert news == (None, None, "room:a", "news", client.binary(payload))
            return
        ref = await client.send("room:a", "binary", payload)
        expected = client.binary(payload)
        assert await client.receive() == ("1", None, "room:a", "pushed", expected)
        assert await client.receive() == (None, None, "room:a", "news", expected)
        reply = await client.receive()
        assert reply[1:] == (ref, "room:a", "phx_reply", {"status": "ok", "response": expected})

    # --- what goes wrong stays where it is

    async def test_channel_that_crashes_takes_down_only_itself(
        self, client: Client, other: Client
    ) -> None:
        """
        The client is told so and nothing of the cause; it may join again.
        """
        await client.join("room:b")
        await client.send("room:a", "boom")
        crash = await client.receive()
        assert (crash.topic, crash.event, crash.payload) == ("room:a", *CRASH)
        assert SECRET not in str(crash)
        assert (await client.ask("room:b", "echo"))["status"] == "ok"
        assert (await other.ask("room:a", "echo"))["status"] == "ok"
        assert (await client.join("room:a"))["status"] == "ok"

    async def test_event_without_handler_crashes_its_channel(self, client: Client) -> None:
        """
        As in Phoenix.
        """
        await client.send("room:a", "no_such_event")
        assert (await client.receive())[3:] == CRASH

    async def test_channel_that_waits_holds_up_nobody(
        self, world: World, client: Client, other: Client
    ) -> None:
        """
        Its own messages wait their turn; other topics and other clients do not.
        """
        (session, _) = world.sessions()
        first = await client.send("room:a", "wait")
        second = await client.send("room:a", "echo")
        await until(lambda: session.socket.gates)  # type: ignore[attr-defined]  # a WorldSocket
        assert (await client.join("room:b"))["status"] == "ok"
        assert (await other.ask("room:a", "echo"))["status"] == "ok"
        await client.nothing_more()
        session.socket.gates[0].set()  # type: ignore[attr-defined]  # a WorldSocket
        assert [(await client.receive()).ref for _ in range(2)] == [first, second]

    async def test_channel_stops_after_its_reply(self, client: Client) -> None:
        """
        An ordinary end: reply, then close.
        """
        assert (await client.ask("room:a", "stop", {"n": 1}))["response"] == {"n": 1}
        assert (await client.receive())[2:] == ("room:a", "phx_close", {})

    async def test_message_is_refused_when_its_channel_is_busy(
        self, world: World, client: Client
    ) -> None:
        """
        Whoever sends more than may wait is told for each message.
        """
        (session,) = world.sessions()
        refs = [await client.send("room:a", "wait")]
        await until(lambda: session.socket.gates)  # type: ignore[attr-defined]  # a WorldSocket
        refs += [await client.send("room:a", "echo") for _ in range(3)]
        assert await client.ask("room:a", "echo") == error("channel busy")
        session.socket.gates[0].set()  # type: ignore[attr-defined]  # a WorldSocket
        assert [(await client.receive()).ref for _ in refs] == refs

    async def test_join_is_refused_when_there_are_too_many_channels(self, client: Client) -> None:
        """
        A rejoin is not one more.
        """
        for topic in ("room:b", "room:c", "room:d", "room:e"):
            assert (await client.join(topic))["status"] == "ok"
        assert await client.join("room:f") == error("too many channels joined")
        assert (await client.join("room:e"))["status"] == "ok"

    # --- connects

    @pytest.mark.parametrize("where", ["query", "header", "both"])
    async def test_token_opens_the_door(self, world: World, where: str) -> None:
        """
        In the query or in a header, which comes first.
        """
        client = world.stranger(self.client_class)
        token = world.token("ann")
        query = {"query": {"token": token}, "header": {}, "both": {"token": "another"}}[where]
        headers = {} if where == "query" else {"x-phoenix-authtoken": token}
        await client.connect(query, headers)
        assert (await client.join("room:a"))["status"] == "ok"
        assert world.sessions()[0].socket.id == "user_socket:ann"

    @pytest.mark.parametrize(
        ("params", "reason"),
        [
            ({}, "token_missing"),
            ({"token": ""}, "token_missing"),
            ({"token": "garbage"}, "token_invalid"),
            ({"guest": "ann", "vsn": "3.0.0"}, "unsupported_vsn"),
            ({"guest": "ann", "vsn": ""}, "unsupported_vsn"),
            ({"because": "tuesday"}, "tuesday"),
            ({"raise": "1"}, "connect_crashed"),
            ({"mistaken": "1"}, "connect_crashed"),
        ],
    )
    async def test_connect_is_refused_with_a_reason(
        self, world: World, params: dict[str, str], reason: str
    ) -> None:
        """
        The body says why, and nothing that is not the client's business; no session is left.
        """
        with pytest.raises(Refused) as refused:
            await world.stranger(self.client_class).connect(params)
        assert refused.value.reason == reason
        assert refused.value.body["message"]
        assert SECRET not in str(refused.value.body)
        assert world.server.endpoint.count() == 0
        assert world.server.endpoint.refused == {reason: 1}

    async def test_refusal_says_what_the_application_says(self, world: World) -> None:
        """
        Further keys of its Error go to the client as well.
        """
        with pytest.raises(Refused) as refused:
            await world.stranger(self.client_class).connect({"because": "tuesday"})
        told = {key: value for key, value in refused.value.body.items() if key != "status"}
        assert told == {"reason": "tuesday", "message": "not today", "retry": False}

    async def test_token_is_refused_when_it_has_expired(self, world: World) -> None:
        """
        It was good once, and is no more.
        """
        token = world.token(max_age=-1)
        with pytest.raises(Refused) as refused:
            await world.stranger(self.client_class).connect({"token": token})
        assert refused.value.reason == "token_expired"

    async def test_connect_is_refused_when_there_are_too_many(self, door: str) -> None:
        """
        Sessions of one user, and sessions altogether; who goes makes room.
        """
        limits = evolve(LIMITS, max_sessions=3, max_sessions_per_user=2)
        async with world_behind(door, limits=limits) as world:

            async def refused(name: str) -> str:
                with pytest.raises(Refused) as refusal:
                    await world.guest(self.client_class, name)
                return str(refusal.value.reason)

            for _ in range(2):
                await world.guest(self.client_class, "ann")
            assert await refused("ann") == "too_many_sessions"
            await world.guest(self.client_class, "bob")
            assert await refused("eve") == "too_many_sessions"
            await world.server.disconnect("user_socket:ann")
            await world.guest(self.client_class, "ann")

    # --- the end

    async def test_client_that_takes_nothing_is_let_go(
        self, world: World, client: Client, other: Client
    ) -> None:
        """
        Nothing is skipped in silence: it comes back and recovers. The others get everything.
        """
        session, number = world.sessions()[0], 0
        while session.session.end is None:
            number += 1
            assert number < 2_000
            await world.server.broadcast("room:a", "news", {"n": number, "x": "x" * 90_000})
            assert (await other.receive()).payload["n"] == number
        code: str | int | None = None
        got = []
        while code is None:
            try:
                got.append((await client.receive()).payload["n"])
            except Ended as end:
                code = end.code
        assert code == self.told(SLOW_CONSUMER)
        assert got == list(range(1, len(got) + 1))

    async def test_client_that_is_thrown_out_hears_it_at_once(
        self, world: World, client: Client, other: Client
    ) -> None:
        """
        No window passes; others with another id stay.
        """
        ended = asyncio.ensure_future(client.ended())
        await world.parked()
        assert await world.server.disconnect("user_socket:ann") == 1
        assert (await ended).code == self.told(DISCONNECTED)
        assert (await other.ask("room:a", "echo"))["status"] == "ok"
        assert await world.server.disconnect("user_socket:ann") == 0

    async def test_client_that_is_thrown_out_gets_what_was_sent_before(
        self, world: World, client: Client
    ) -> None:
        """
        "You are being logged out", and then the end: no word is lost, however many there are.
        """
        for number in range(3):
            await world.server.broadcast("room:a", "news", {"n": number, "x": "x" * 40_000})
        await world.server.disconnect("user_socket:ann")
        assert world.server.endpoint.count() == 0
        await world.server.broadcast("room:a", "news", {"n": "too late"})
        assert [(await client.receive()).payload["n"] for _ in range(3)] == [0, 1, 2]
        assert (await client.ended()).code == self.told(DISCONNECTED)

    async def test_clients_hear_it_when_the_server_goes_down(
        self, world: World, client: Client
    ) -> None:
        """
        Whoever waits is answered, and who comes is refused.
        """
        ended = asyncio.ensure_future(client.ended())
        await world.parked()
        await world.server.endpoint.shutdown()
        assert (await ended).code == self.told(RESTARTING)
        with pytest.raises(Refused) as refused:
            await world.guest(self.client_class)
        assert refused.value.reason == "restarting"

    async def test_end_is_cleaned_up_while_a_handler_waits(
        self, world: World, client: Client
    ) -> None:
        """
        A handler that does not come to its end is cancelled after a while.
        """
        (session,) = world.sessions()
        await client.send("room:a", "wait")
        await until(lambda: session.socket.gates)  # type: ignore[attr-defined]  # a WorldSocket
        await world.server.disconnect("user_socket:ann")
        await until(lambda: not world.server.endpoint._tasks)
