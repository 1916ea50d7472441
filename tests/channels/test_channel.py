"""
What an application author writes for a topic.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from channels.drive import connected, until
from notifier import Channel, Ok, Retention, handle_in, handle_out
from notifier.protocol import Message


class Base(Channel):
    @handle_in("ping", "pong")
    async def ping(self, payload):
        return Ok({"from": "base"})

    @handle_out("news")
    async def news(self, payload):
        pass


class Derived(Base):
    @handle_in("ping")
    async def own_ping(self, payload):
        return Ok({"from": "derived"})

    @handle_in("both")
    @handle_out("both")
    async def both(self, payload):
        pass


def test_handlers_are_inherited_and_the_nearest_wins() -> None:
    """
    A subclass adds events, and takes single ones over.
    """
    assert Base.handlers_in == {"ping": "ping", "pong": "ping"}
    assert Derived.handlers_in == {"ping": "own_ping", "pong": "ping", "both": "both"}
    assert Derived.handlers_out == {"news": "news", "both": "both"}
    assert Channel.handlers_in == {}


def test_handler_that_is_overridden_by_name_handles_the_same_events() -> None:
    """
    Whoever overrides a method need not name its events again.
    """

    class Renamed(Base):
        async def ping(self, payload):
            return Ok({"from": "renamed"})

    assert Renamed.handlers_in == {"ping": "ping", "pong": "ping"}


@pytest.mark.parametrize("mark", [handle_in, handle_out])
@pytest.mark.parametrize("events", [(), (5,), ("a", None), (print,)])
def test_mark_is_refused_without_events(mark: Any, events: tuple[Any, ...]) -> None:
    """
    Also the one whose brackets were forgotten, which is given the method itself.
    """
    with pytest.raises(TypeError, match="name the events that are handled, as in @handle_in"):
        mark(*events)


async def test_assigns_begin_as_the_sockets_and_are_the_channels_own() -> None:
    """
    What a channel writes there no other channel reads.
    """
    seen = []

    class Room(Channel):
        async def join(self, payload):
            seen.append(dict(self.assigns))
            self.assigns["topic"] = self.topic
            self.socket.assigns["joined"] = True

    async with connected(a=Room, b=Room) as connect:
        client = await connect()
        await client.join("a")
        await client.join("b")
    assert seen == [{}, {"joined": True}]


async def test_event_without_handler_may_be_handled_by_its_name() -> None:
    """
    `handle_other` is given the event.
    """

    class Any_(Channel):
        async def handle_other(self, event, payload):
            return Ok({"event": event, "payload": payload})

    async with connected(a=Any_) as connect:
        client = await connect()
        await client.join("a")
        reply = await client.ask("a", "whatever", [1])
        assert reply["response"] == {"event": "whatever", "payload": [1]}


async def test_channel_is_sent_to_from_a_timer() -> None:
    """
    From anywhere in the event loop, also while nothing else is going on.
    """

    class Ticks(Channel):
        async def join(self, payload):
            asyncio.get_running_loop().call_later(0.001, self.send, {"tick": 1})

        async def handle_info(self, message):
            await self.push("tick", message)

    async with connected(a=Ticks) as connect:
        client = await connect()
        await client.join("a")
        assert await client.receive() == ["1", None, "a", "tick", {"tick": 1}]


@pytest.mark.parametrize(("ref", "told"), [(None, "one without ref"), ("1", "no message")])
async def test_socket_ref_needs_a_message_that_asks(ref: Any, told: str, caplog) -> None:
    """
    In a message to itself there is nothing to reply to.
    """

    class Refers(Channel):
        @handle_in("ask")
        async def ask(self, payload):
            if ref is None:
                self.socket_ref()
            self.send("info")

        async def handle_info(self, message):
            self.socket_ref()

    async with connected(a=Refers) as connect:
        client = await connect()
        await client.join("a")
        client.server.receive(Message("1", ref, "a", "ask", {}))
        assert (await client.receive())[3] == "phx_error"
    assert f"socket_ref needs a message with a ref that is being handled, got {told}" in caplog.text


SECRET = "a payload that nobody may read"


class Mistaken(Channel):
    """
    Each handler is wrong in its own way.
    """

    @handle_in("not_async")
    def not_async(self, payload):
        return Ok({"secret": SECRET})

    @handle_in("returns_dict")
    async def returns_dict(self, payload):
        return {"secret": SECRET}

    @handle_in("returns_number")
    async def returns_number(self, payload):
        return 42

    @handle_in("returns_object")
    async def returns_object(self, payload):
        return Ok({"secret": SECRET, "object": object()})

    @handle_in("bad_reply")
    async def bad_reply(self, payload):
        await self.reply("1", Ok({"secret": SECRET}))

    @handle_in("reply_none")
    async def reply_none(self, payload):
        await self.reply(self.socket_ref(), None)

    @handle_in("reply_dict")
    async def reply_dict(self, payload):
        await self.reply(self.socket_ref(), {"secret": SECRET})

    @handle_in("no_info")
    async def no_info(self, payload):
        self.send({"secret": SECRET})

    @handle_in("push_object")
    async def push_object(self, payload):
        await self.push("news", {"secret": SECRET, "object": object()})

    @handle_in("broadcast_object")
    async def broadcast_object(self, payload):
        await self.broadcast("news", {"secret": SECRET, "object": object()})

    @handle_in("broadcast_keys")
    async def broadcast_keys(self, payload):
        await self.broadcast("news", {5: SECRET})

    @handle_in("broadcast_long_binary")
    async def broadcast_long_binary(self, payload):
        await self.broadcast("x" * 300, SECRET.encode())

    @handle_in("out")
    async def out(self, payload):
        await self.broadcast("news", {"secret": SECRET})

    @handle_out("news")
    async def news(self, payload):
        return payload


MISTAKES = {
    "not_async": "Mistaken.not_async must be `async def`, got one that returned",
    "returns_dict": "must return None, Ok(response) or Error(reason or response), got an object",
    "returns_number": "must return None, Ok(response) or Error(reason or response), got a number",
    "returns_object": "Type is not JSON serializable: object",
    "bad_reply": "reply needs what socket_ref() gave, got str",
    "reply_none": "reply needs Ok(response) or Error(reason or response), got None",
    "reply_dict": "must return None, Ok(response) or Error(reason or response), got an object",
    "no_info": "Mistaken got a message but has no handle_info",
    "no_such_event": "no handle_in for an event of the client's; there are: bad_reply, broadcast_",
    "push_object": "Type is not JSON serializable: object",
    "broadcast_object": "Type is not JSON serializable: object",
    "broadcast_keys": "Dict key must be str",
    "broadcast_long_binary": "expected fields of at most 255 bytes in a binary message, got one",
    "out": "Mistaken.news is a handle_out and must return None: push what is to go out, got an",
}


@pytest.mark.parametrize("event", MISTAKES)
async def test_mistake_is_told_to_the_author_alone(event: str, caplog) -> None:
    """
    In the log, without any payload; to its client it is a crash, to others nothing.
    """
    async with connected(a=Mistaken, b=Mistaken) as connect:
        client, other = await connect(), await connect()
        await client.join("a")
        await client.join("b")
        await other.join("b")
        client.send("a", event, {"secret": SECRET})
        assert (await client.receive())[2:] == ["a", "phx_error", {"reason": "channel_crash"}]
        await client.nothing_more()
        await other.nothing_more()
    assert MISTAKES[event] in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("verb", ["push", "broadcast", "broadcast_from"])
async def test_author_is_told_when_it_speaks_before_the_join(verb: str, caplog) -> None:
    """
    The way to do it stands in the message; the client is told that the join crashed.
    """

    class Early(Channel):
        async def join(self, payload):
            await getattr(self, verb)("news", {})

    async with connected(a=Early) as connect:
        client = await connect()
        assert (await client.join("a"))["response"] == {"reason": "join crashed"}
    assert "before the join is answered: self.send(...) a message to yourself" in caplog.text


async def test_channel_that_cannot_be_made_is_a_join_that_crashed(caplog) -> None:
    """
    Its session and its other channels live, and it may be tried again.
    """
    broken = [True]

    class Breaks(Channel):
        def __init__(self) -> None:
            if broken[0]:
                raise RuntimeError("no database")

    async with connected(a=Breaks, b=Channel) as connect:
        client = await connect()
        await client.join("b")
        for _ in range(2):
            assert (await client.join("a"))["response"] == {"reason": "join crashed"}
        broken[0] = False
        assert await client.join("a") == {"status": "ok", "response": {}}
        broken[0] = True
        assert (await client.join("a"))["response"] == {"reason": "join crashed"}
        await until(lambda: len(client.server._channels) == 1)
    assert "channel Breaks cannot be made" in caplog.text


async def test_receipt_tells_whom_a_broadcast_reached() -> None:
    """
    Without the sender in `broadcast_from`, and no id where the topic is not logged.
    """
    receipts = []

    class Tells(Channel):
        @handle_in("tell")
        async def tell(self, payload):
            receipts.append(await self.broadcast("news", payload))
            receipts.append(await self.broadcast_from("news", payload))

    async with connected(a=Tells) as connect:
        clients = [await connect() for _ in range(3)]
        for client in clients:
            await client.join("a")
        clients[0].send("a", "tell")
        await until(lambda: len(receipts) == 2)
    assert [(one.id, one.reached) for one in receipts] == [(None, 3), (None, 2)]


@pytest.mark.parametrize("history", [Retention, 100, True, {}], ids=repr)
def test_history_must_be_a_retention(history: object) -> None:
    """
    A class without its parentheses is found where it is written, not at the first broadcast.
    """
    with pytest.raises(TypeError, match=r"Wrong\.history must be Retention\(…\) or None, got"):
        type("Wrong", (Channel,), {"history": history})
