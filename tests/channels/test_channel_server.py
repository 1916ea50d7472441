"""
How a channel is run: in order, beside the others, and without harm to them.
"""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from channels.drive import Gate, connected, until
from notifier import Channel, Error, Limits, Ok, handle_in, handle_out
from notifier.engine import MemoryEngine, Receiver
from notifier.protocol.reasons import CLIENT_CLOSED


@pytest.fixture
def gate() -> type[Gate]:
    return type("OneGate", (Gate,), {"gates": [], "ended": []})


async def test_messages_of_a_channel_are_handled_in_order(gate) -> None:
    """
    The second waits for the first, however long that takes.
    """
    async with connected(a=gate) as connect:
        client = await connect()
        await client.join("a")
        client.send("a", "wait", {"n": 1})
        client.send("a", "ping", {"n": 2})
        await until(lambda: gate.gates)
        await client.nothing_more()
        gate.gates[0].set()
        assert [(await client.receive())[4]["response"]["n"] for _ in range(2)] == [1, 2]


async def test_channels_run_beside_each_other(gate) -> None:
    """
    One that awaits long holds up nobody: not another channel, not another client.
    """
    async with connected(Limits(channel_stop_timeout_ms=20), a=gate, b=gate) as connect:
        client, other = await connect(), await connect()
        await client.join("a")
        client.send("a", "wait")
        await until(lambda: gate.gates)
        assert await client.join("b") == {"status": "ok", "response": {}}
        await other.join("a")
        assert (await other.ask("a", "ping", {"n": 1}))["response"] == {"n": 1}


class Crashes(Channel):
    """
    Raises where it is told to.
    """

    async def join(self, payload):
        if payload.get("raise"):
            raise RuntimeError("a secret of the author's")

    @handle_in("boom")
    async def boom(self, payload):
        raise RuntimeError("a secret of the author's")

    @handle_in("ping")
    async def ping(self, payload):
        return Ok(payload)

    async def terminate(self, reason):
        if reason == "left":
            raise RuntimeError("a secret of the author's")


async def test_channel_that_raises_takes_down_only_itself(caplog) -> None:
    """
    The client is told phx_error and nothing of the cause; its other channel lives, it may rejoin.
    """
    async with connected(a=Crashes, b=Crashes) as connect:
        client = await connect()
        await client.join("a")
        await client.join("b")
        client.send("a", "boom", join_ref=None)
        told = await client.receive()
        assert told == ["1", "1", "a", "phx_error", {"reason": "channel_crash"}]
        client.send("b", "ping", {"n": 1}, join_ref=None)
        assert (await client.receive())[4] == {"status": "ok", "response": {"n": 1}}
        assert await client.join("a") == {"status": "ok", "response": {}}
    assert "channel Crashes crashed" in caplog.text


async def test_join_that_raises_is_an_error_reply(caplog) -> None:
    """
    The reason is Phoenix's; the cause is in the log alone.
    """
    async with connected(a=Crashes) as connect:
        client = await connect()
        client.send("a", "phx_join", {"raise": True})
        reply = await client.receive()
        assert reply[4] == {"status": "error", "response": {"reason": "join crashed"}}
        assert await client.join("a") == {"status": "ok", "response": {}}
    assert "crashed in join" in caplog.text


async def test_leave_ends_when_terminate_raises(caplog) -> None:
    """
    An error while cleaning up is logged, and the channel is closed all the same.
    """
    async with connected(a=Crashes) as connect:
        client = await connect()
        await client.join("a")
        assert await client.ask("a", "phx_leave") == {"status": "ok", "response": {}}
        assert (await client.receive())[3] == "phx_close"
    assert "crashed in terminate" in caplog.text


@pytest.mark.parametrize("how", ["leave", "close", "replace"])
async def test_terminate_is_told_why(gate, how: str) -> None:
    """
    Once, when a joined channel ends.
    """
    async with connected(a=gate) as connect:
        client = await connect()
        await client.join("a")
        if how == "leave":
            client.send("a", "phx_leave")
        elif how == "replace":
            await client.join("a")
            assert (await client.receive())[:4] == ["1", "1", "a", "phx_close"]
        else:
            client.server.close(CLIENT_CLOSED)
        await until(lambda: gate.ended)
        assert gate.ended == {"leave": ["left"], "close": ["closed"], "replace": ["replaced"]}[how]


async def test_join_under_way_is_cancelled_when_its_client_goes() -> None:
    """
    Nobody waits for that answer any more.
    """
    cancelled = []

    class Slow(Channel):
        async def join(self, payload):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(self.topic)
                raise

    async with connected(a=Slow) as connect:
        client = await connect()
        client.send("a", "phx_join")
        await asyncio.sleep(0)
        client.server.close(CLIENT_CLOSED)
        await until(lambda: cancelled)


async def test_rejoin_takes_over_from_a_join_that_hangs() -> None:
    """
    phoenix.js joins anew when an answer takes too long; the old join is given up.
    """
    hanging = [True]

    class Slow(Channel):
        async def join(self, payload):
            if hanging.pop():
                await asyncio.Event().wait()
            return Ok({"second": True})

    hanging[:] = [False, True]
    async with connected(a=Slow) as connect:
        client = await connect()
        client.send("a", "phx_join")
        await asyncio.sleep(0)
        ref = client.send("a", "phx_join")
        reply = await client.receive()
        assert (reply[1], reply[4]["response"]) == (ref, {"second": True})
        await client.nothing_more()


async def test_handler_that_does_not_end_is_cancelled_when_replaced(gate) -> None:
    """
    It is given some time, and then the new join goes on.
    """
    async with connected(Limits(channel_stop_timeout_ms=20), a=gate) as connect:
        client = await connect()
        await client.join("a")
        client.send("a", "wait")
        await until(lambda: gate.gates)
        assert await client.join("a") == {"status": "ok", "response": {}}
        assert (await client.receive())[3] == "phx_close"
        assert gate.ended == ["replaced"]


async def test_message_gets_an_error_when_too_many_wait(gate) -> None:
    """
    The queue of a channel is bounded, and who is over the bound is told.
    """
    async with connected(Limits(max_channel_messages=3), a=gate) as connect:
        client = await connect()
        await client.join("a")
        client.send("a", "wait")
        await until(lambda: gate.gates)
        refs = [client.send("a", "ping", {"n": n}) for n in range(4)]
        busy = await client.receive()
        assert (busy[1], busy[4]) == (
            refs[3],
            {"status": "error", "response": {"reason": "channel busy"}},
        )
        gate.gates[0].set()
        assert [(await client.receive())[4]["status"] for _ in range(4)] == ["ok"] * 4


class Author(Channel):
    """
    Everything that an author may call.
    """

    async def join(self, payload):
        self.send("after_join")

    async def handle_info(self, message):
        await self.push(message, {"topic": self.topic})

    @handle_in("all")
    async def to_all(self, payload):
        receipt = await self.broadcast("news", payload)
        return Ok({"reached": receipt.reached})

    @handle_in("others")
    async def to_others(self, payload):
        await self.broadcast_from("news", payload)

    @handle_in("later")
    async def later(self, payload):
        ref = self.socket_ref()
        asyncio.get_running_loop().call_soon(self.send, ("reply", ref))

    @handle_in("refused")
    async def refused(self, payload):
        return Error("not today")

    @handle_in("stop")
    async def stop_here(self, payload):
        await self.stop()
        return Ok()


class Later(Author):
    async def handle_info(self, message):
        match message:
            case ("reply", ref):
                await self.reply(ref, Ok({"late": True}))

    @handle_out("news")
    async def filter(self, payload):
        if payload.get("public"):
            await self.push("news", {**payload, "seen": True})


async def test_author_pushes_after_the_join() -> None:
    """
    A message to itself is handled after the join's reply.
    """
    async with connected(a=Author) as connect:
        client = await connect()
        await client.join("a")
        assert await client.receive() == ["1", None, "a", "after_join", {"topic": "a"}]


async def test_broadcast_reaches_everyone_and_broadcast_from_the_others() -> None:
    """
    Each on the topic once; the sender too, or not.
    """
    async with connected(a=Author) as connect:
        one, two = await connect(), await connect()
        for client in (one, two):
            await client.join("a")
            await client.receive()
        one.send("a", "all", {"n": 1})
        assert await one.receive() == [None, None, "a", "news", {"n": 1}]
        assert (await one.receive())[4]["response"] == {"reached": 2}
        assert await two.receive() == [None, None, "a", "news", {"n": 1}]
        one.send("a", "others", {"n": 2})
        assert await two.receive() == [None, None, "a", "news", {"n": 2}]
        await one.nothing_more()


async def test_handle_out_decides_what_goes_to_its_client() -> None:
    """
    What it does not push is not sent, and others notice nothing of it.
    """
    async with connected(a=Later) as connect:
        client = await connect()
        await client.join("a")
        endpoint = connect.endpoint
        await endpoint.broadcast("a", "news", {"n": 1})
        await endpoint.broadcast("a", "news", {"n": 2, "public": True})
        assert await client.receive() == [
            "1",
            None,
            "a",
            "news",
            {"n": 2, "public": True, "seen": True},
        ]
        await client.nothing_more()


async def test_reply_may_come_later() -> None:
    """
    A message is answered from anywhere, by the name that its handler took of it.
    """
    async with connected(a=Later) as connect:
        client = await connect()
        await client.join("a")
        assert await client.ask("a", "later") == {"status": "ok", "response": {"late": True}}
        assert (await client.ask("a", "refused"))["response"] == {"reason": "not today"}


async def test_stop_ends_the_channel_after_its_reply() -> None:
    """
    First the reply, then the close, and then the topic is not joined.
    """
    async with connected(a=Author) as connect:
        client = await connect()
        await client.join("a")
        await client.receive()
        assert (await client.ask("a", "stop"))["status"] == "ok"
        assert (await client.receive())[3] == "phx_close"
        assert (await client.ask("a", "all"))["response"] == {"reason": "unmatched topic"}


async def test_channel_that_stops_and_hangs_is_cancelled_when_its_session_ends() -> None:
    """
    A stop under way is no reason to wait for ever: the end of the session is a bound for all.
    """
    ended = []

    class Hangs(Channel):
        @handle_in("hang")
        async def hang(self, payload):
            await self.stop()
            await asyncio.Event().wait()

        async def terminate(self, reason):
            ended.append(reason)

    async with connected(Limits(channel_stop_timeout_ms=20), a=Hangs) as connect:
        one, other = await connect(), await connect()
        for client in (one, other):
            await client.join("a")
            client.send("a", "hang")
            await client.nothing_more()
        one.server.close(CLIENT_CLOSED)
        await until(lambda: ended)
        assert ended == ["closed"]
        assert (await other.join("a")) == {"status": "ok", "response": {}}
        assert ended == ["closed", "replaced"]


class Waits(Channel):
    """
    Awaits something that somebody else cancels.
    """

    async def join(self, payload):
        if "cancel" in payload:
            await self.cancelled({})

    @handle_in("cancelled")
    async def cancelled(self, payload):
        task = asyncio.ensure_future(asyncio.Event().wait())
        task.cancel()
        await task

    async def terminate(self, reason):
        if reason == "left":
            await self.cancelled({})


async def test_cancellation_of_something_else_is_a_crash(caplog) -> None:
    """
    Not an ordinary end, after which a client does not join again; and the log says what it was.
    """
    async with connected(a=Waits) as connect:
        client = await connect()
        await client.join("a")
        client.send("a", "cancelled")
        assert (await client.receive())[3:] == ["phx_error", {"reason": "channel_crash"}]
        client.send("a", "phx_join", {"cancel": True})
        assert (await client.receive())[4]["response"] == {"reason": "join crashed"}
        ref = client.send("a", "phx_join")
        await client.receive()
        client.send("a", "phx_leave", join_ref=ref)
        assert [(await client.receive())[3] for _ in range(2)] == ["phx_reply", "phx_close"]
    for name in ("cancelled", "join", "terminate"):
        assert f"Waits.{name} awaited what was cancelled" in caplog.text


async def test_first_channel_is_closed_when_three_joins_come_at_once(gate) -> None:
    """
    The join between is given up, and the last waits for the first to end all the same.
    """
    async with connected(Limits(channel_stop_timeout_ms=20), a=gate) as connect:
        client = await connect()
        await client.join("a")
        client.send("a", "wait")
        await until(lambda: gate.gates)
        client.send("a", "phx_join")
        await client.nothing_more()
        ref = client.send("a", "phx_join")
        reply = await client.receive()
        assert reply[:2] == [ref, ref]
        assert gate.ended == ["replaced"]
        assert await client.receive() == ["1", "1", "a", "phx_close", {}]
        await client.nothing_more()


async def test_last_of_many_joins_at_once_is_answered(gate) -> None:
    """
    A client in a hurry costs itself nothing but its earlier joins.
    """
    async with connected(a=gate) as connect:
        client = await connect()
        await client.join("a")
        refs = [client.send("a", "phx_join") for _ in range(200)]
        assert (await client.receive())[:2] == [refs[-1], refs[-1]]
        assert await client.receive() == ["1", "1", "a", "phx_close", {}]
        await client.nothing_more()


async def test_leave_is_taken_when_the_channel_is_busy(gate) -> None:
    """
    Once: a client that is told no does not ask again, and a second leave is one too many.
    """
    async with connected(Limits(max_channel_messages=2), a=gate) as connect:
        client = await connect()
        await client.join("a")
        client.send("a", "wait")
        await until(lambda: gate.gates)
        for _ in range(2):
            client.send("a", "ping")
        leave = client.send("a", "phx_leave")
        busy = client.send("a", "phx_leave")
        told = await client.receive()
        assert (told[1], told[4]["response"]) == (busy, {"reason": "channel busy"})
        gate.gates[0].set()
        answers = [await client.receive() for _ in range(5)]
        assert [answer[3] for answer in answers] == ["phx_reply"] * 4 + ["phx_close"]
        assert answers[3][1] == leave


async def test_messages_behind_a_stop_are_answered_as_without_a_channel(gate) -> None:
    """
    Nobody waits for a reply that never comes.
    """
    async with connected(a=Author) as connect:
        client = await connect()
        await client.join("a")
        await client.receive()
        client.send("a", "stop")
        refs = [client.send("a", "refused") for _ in range(3)]
        assert [(await client.receive())[3] for _ in range(2)] == ["phx_reply", "phx_close"]
        for ref in refs:
            assert (await client.receive())[1:] == [
                ref,
                "a",
                "phx_reply",
                {"status": "error", "response": {"reason": "unmatched topic"}},
            ]


class SlowEngine(MemoryEngine):
    """
    Takes its time to subscribe, as one does that asks a server.
    """

    gate: asyncio.Event

    async def subscribe(self, topic: str, receiver: Receiver) -> None:
        await super().subscribe(topic, receiver)
        await self.gate.wait()


async def test_broadcasts_come_in_order_when_the_join_takes_long(gate) -> None:
    """
    What is broadcast before the join is answered comes after the answer, before what comes later.
    """
    engine = SlowEngine(time.time)
    engine.gate = asyncio.Event()
    async with connected(engine=engine, a=gate) as connect:
        client = await connect()
        client.send("a", "phx_join")
        client.send("a", "wait")
        await until(lambda: engine._receivers)
        await connect.endpoint.broadcast("a", "news", {"n": 1})
        await client.nothing_more()
        engine.gate.set()
        await until(lambda: gate.gates)
        await connect.endpoint.broadcast("a", "news", {"n": 2})
        assert (await client.receive())[3] == "phx_reply"
        assert [(await client.receive())[4] for _ in range(2)] == [{"n": 1}, {"n": 2}]
        gate.gates[0].set()


async def test_session_ends_while_the_engine_subscribes() -> None:
    """
    The join is given up, and nothing stays subscribed.
    """
    engine = SlowEngine(time.time)
    engine.gate = asyncio.Event()
    async with connected(Limits(channel_stop_timeout_ms=20), engine, a=Channel) as connect:
        client = await connect()
        client.send("a", "phx_join")
        await until(lambda: engine._receivers)
        client.server.close(CLIENT_CLOSED)
        await until(lambda: not connect.endpoint._tasks)
        assert engine._receivers == {}


async def test_terminate_is_told_of_a_crash_when_the_join_cannot_be_answered(gate, caplog) -> None:
    """
    The author has let the client in, and is to clean up.
    """

    class Unanswerable(gate):
        async def join(self, payload):
            return Ok({"a": object()})

    async with connected(a=Unanswerable) as connect:
        client = await connect()
        assert await client.join("a") == {
            "status": "error",
            "response": {"reason": "join crashed"},
        }
        await until(lambda: gate.ended)
        assert gate.ended == ["crashed"]
        assert await client.join("a") != {}


async def test_terminate_is_given_a_bound(caplog) -> None:
    """
    Cleaning up may take its time, but not for ever.
    """

    class Lingers(Channel):
        async def terminate(self, reason):
            await asyncio.Event().wait()

    async with connected(Limits(channel_stop_timeout_ms=20), a=Lingers) as connect:
        client = await connect()
        await client.join("a")
        assert (await client.ask("a", "phx_leave"))["status"] == "ok"
        assert (await client.receive())[3] == "phx_close"
    assert "channel Lingers crashed in terminate" in caplog.text


async def test_channel_that_has_ended_says_nothing_more(gate) -> None:
    """
    A push, a reply or a message to itself that comes late goes nowhere, without an error.
    """
    channels = []

    class Kept(Author):
        async def handle_info(self, message):
            channels.append((self, self.assigns))

        @handle_in("kept")
        async def kept(self, payload):
            channels.append(self.socket_ref())

    async with connected(a=Kept) as connect:
        client = await connect()
        await client.join("a")
        client.send("a", "kept")
        await until(lambda: len(channels) == 2)
        (channel, _), ref = channels
        await client.ask("a", "phx_leave")
        await client.receive()
        await channel.push("late")
        await channel.reply(ref, Ok())
        channel.send("late")
        await channel.stop()
        await client.nothing_more()


async def test_slow_channel_ends_its_session_when_broadcasts_pile_up(gate) -> None:
    """
    Nothing is skipped in silence: the client comes back and recovers.
    """

    class Slow(gate):
        @handle_out("news")
        async def hold(self, payload):
            await asyncio.Event().wait()

    async with connected(
        Limits(max_channel_messages=5, channel_stop_timeout_ms=20), a=Slow, b=Author
    ) as connect:
        slow, other = await connect(), await connect()
        await slow.join("a")
        await other.join("b")
        for _ in range(8):
            await connect.endpoint.broadcast("a", "news", {})
            await asyncio.sleep(0)
        assert slow.server.session.end is not None
        assert slow.server.session.end.code == "slow_consumer"
        assert other.server.session.end is None


def test_logger_is_quiet_by_itself() -> None:
    """
    The library sets up no handler of its own.
    """
    assert logging.getLogger("notifier").handlers == []
