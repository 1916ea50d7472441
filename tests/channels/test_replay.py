"""
A join with `since` brings what was missed, then what comes, in order and once.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.drive import Client, connected, until
from notifier import Channel, Limits, Ok, handle_in, handle_out
from notifier.channels.follower import PAGE_MESSAGES
from notifier.channels.replay import SLICE_MESSAGES, Turns
from notifier.engine import MemoryEngine, Publication, Receipt, Retention
from notifier.protocol.reasons import SLOW_CONSUMER


class Logged(Channel):
    history = Retention(max_count=100_000)

    @handle_in("say")
    async def say(self, payload):
        await self.broadcast("news", payload)

    @handle_in("say_to_others")
    async def say_to_others(self, payload):
        await self.broadcast_from("news", payload)

    @handle_in("ping")
    async def ping(self, payload):
        return Ok({})

    @handle_out("filtered")
    async def filtered(self, payload):
        await self.push("filtered", payload)


async def publish(connect: Any, *numbers: int, event: str = "news", topic: str = "a") -> list[str]:
    receipts = [await connect.endpoint.broadcast(topic, event, {"n": n}) for n in numbers]
    return [receipt.id for receipt in receipts]


async def join(client: Client, payload: object = None) -> dict[str, Any]:
    """
    Join the topic `a`, and return the reply's response.
    """
    ref = client.send("a", "phx_join", payload)
    reply = await client.receive()
    assert reply[:4] == [ref, ref, "a", "phx_reply"]
    assert reply[4]["status"] == "ok", reply
    return reply[4]["response"]


async def numbers(client: Client, count: int) -> list[int]:
    return [(await client.receive())[4]["n"] for _ in range(count)]


async def test_join_tells_the_head_of_the_log() -> None:
    """
    So one who has received nothing yet knows where to start the next time.
    """
    async with connected(a=Logged) as connect:
        empty = (await join(await connect()))["head"]
        *_, last = await publish(connect, 1, 2)
        client = await connect()
        assert await join(client) == {"head": last}
        assert last > empty
        await client.nothing_more()
        again = await connect()
        assert await join(again, {"since": empty}) == {"recovered": True, "head": last}
        assert await numbers(again, 2) == [1, 2]


async def test_join_since_brings_what_came_after_as_pushes() -> None:
    """
    After the reply, with the join_ref, then what comes live.
    """
    async with connected(a=Logged) as connect:
        first, _, last = await publish(connect, 1, 2, 3)
        client = await connect()
        assert await join(client, {"since": first}) == {"recovered": True, "head": last}
        assert await client.receive() == ["1", None, "a", "news", {"n": 2, "id": _}]
        assert await client.receive() == ["1", None, "a", "news", {"n": 3, "id": last}]
        (live,) = await publish(connect, 4)
        assert await client.receive() == [None, None, "a", "news", {"n": 4, "id": live}]
        await client.nothing_more()


async def test_join_since_passes_through_handle_out() -> None:
    """
    What the author lets through goes out, in the order of the log.
    """

    class Even(Logged):
        @handle_out("news")
        async def only_even(self, payload):
            await asyncio.sleep(0)
            if payload["n"] % 2 == 0:
                await self.push("news", payload)

    async with connected(a=Even) as connect:
        start = (await join(await connect()))["head"]
        await publish(connect, 1, event="other")
        await publish(connect, *range(2, 6))
        await publish(connect, 7, event="other")
        client = await connect()
        await join(client, {"since": start})
        assert await numbers(client, 4) == [1, 2, 4, 7]
        await client.nothing_more()


async def test_held_message_holds_back_those_behind_it() -> None:
    """
    An event that waits in `handle_out` is not overtaken by one that does not.
    """
    gate = asyncio.Event()

    class Slow(Logged):
        @handle_out("filtered")
        async def filtered(self, payload):
            await gate.wait()
            await self.push("filtered", payload)

    async with connected(a=Slow) as connect:
        client = await connect()
        await join(client)
        await publish(connect, 1, event="filtered")
        await publish(connect, 2, 3)
        await client.nothing_more()
        gate.set()
        assert await numbers(client, 3) == [1, 2, 3]
        await publish(connect, 4)
        assert await numbers(client, 1) == [4]


@pytest.mark.parametrize("since", ["0", "z"], ids=["below the floor", "above the head"])
async def test_join_says_when_the_log_does_not_reach_so_far(since: str) -> None:
    """
    `recovered` is false: what is kept comes, and then what is new.
    """
    async with connected(a=Logged) as connect:
        (last,) = await publish(connect, 1)
        client = await connect()
        assert await join(client, {"since": since}) == {"recovered": False, "head": last}
        assert await numbers(client, since == "0") == ([1] if since == "0" else [])
        await publish(connect, 2)
        assert await numbers(client, 1) == [2]


async def test_join_without_since_is_no_mistake() -> None:
    """
    A page whose `last` is still undefined or null asks for nothing.
    """
    async with connected(a=Logged) as connect:
        (last,) = await publish(connect, 1)
        for payload in ({"since": None}, {}, [], None):
            assert await join(await connect(), payload) == {"head": last}


@pytest.mark.parametrize("since", [1, True, ["x"], {}], ids=repr)
async def test_join_with_a_since_that_is_no_id_is_refused(since: object) -> None:
    """
    The answer says what was expected.
    """
    async with connected(a=Logged) as connect:
        client = await connect()
        client.send("a", "phx_join", {"since": since})
        reply = await client.receive()
        assert reply[4] == {
            "status": "error",
            "response": {
                "reason": "invalid payload",
                "expected": {"since": "the id of the last message received, a string"},
            },
        }


async def test_join_adds_to_what_the_author_answers() -> None:
    """
    Which must be an object then.
    """

    class Answers(Logged):
        async def join(self, payload):
            return Ok(payload["answer"])

    async with connected(a=Answers) as connect:
        (last,) = await publish(connect, 1)
        client = await connect()
        answer = {"answer": {"welcome": 1, "head": "?"}}
        assert await join(client, answer) == {"welcome": 1, "head": last}


async def test_join_crashes_when_the_author_answers_with_no_object(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    The log says what is allowed and what was got; the client learns nothing of it.
    """

    class Answers(Logged):
        async def join(self, payload):
            return Ok([1, 2])

    async with connected(a=Answers) as connect:
        client = await connect()
        client.send("a", "phx_join")
        assert (await client.receive())[4]["response"] == {"reason": "join crashed"}
    assert "must answer with an object, got a list of 2" in caplog.text


async def test_topic_without_history_has_no_head() -> None:
    """
    A channel that does not ask for a log pays nothing, and answers as before.
    """

    class Plain(Channel):
        pass

    async with connected(a=Plain) as connect:
        assert await join(await connect(), {"since": "0"}) == {}
        assert (await connect.endpoint.broadcast("a", "news", {})).id is None


async def test_own_broadcast_from_does_not_come_back() -> None:
    """
    Not live, and not when it is read from the log either; others get it.
    """
    gate = asyncio.Event()

    class Slow(Logged):
        @handle_out("filtered")
        async def filtered(self, payload):
            await gate.wait()
            await self.push("filtered", payload)

    async with connected(a=Slow) as connect:
        client, other = await connect(), await connect()
        await join(client)
        await join(other)
        await publish(connect, 1, event="filtered")
        await publish(connect, *range(2, PAGE_MESSAGES + 3))
        gate.set()
        client.send("a", "say_to_others", {"n": 1_000})
        await publish(connect, 1_001)
        many = list(range(1, PAGE_MESSAGES + 3))
        got = await numbers(other, len(many) + 2)
        assert sorted(got) == [*many, 1_000, 1_001]
        got.remove(1_000)
        assert await numbers(client, len(many) + 1) == got == [*many, 1_001]
        await client.nothing_more()


async def test_replay_leaves_half_of_the_mailbox() -> None:
    """
    However long the log, what is recovered overflows nothing: it comes as the client reads.
    """
    async with connected(Limits(max_mailbox_messages=10), a=Logged) as connect:
        start = (await join(await connect()))["head"]
        await publish(connect, *range(300))
        client = await connect()
        client.send("a", "phx_join", {"since": start})
        await until(lambda: not connect.endpoint._tasks)
        mailbox = client.server.session.mailbox
        assert mailbox.last - mailbox.acked == 5
        await publish(connect, *range(300, 320))  # a position in the log, and no queue
        assert mailbox.last - mailbox.acked == 5
        client.send("phoenix", "heartbeat", join_ref=None)
        await client.receive()
        got = list[int]()
        while len(got) < 320:
            message = await client.receive()
            if message[3] == "news":
                got.append(message[4]["n"])
        assert got == list(range(320))
        assert mailbox.end is None


async def test_replay_of_a_long_message_waits_for_an_empty_mailbox() -> None:
    """
    One that is longer than half of the mailbox goes alone, through handle_out too.
    """
    for event in ("news", "filtered"):
        limits = Limits(max_mailbox_bytes=1_000)
        async with connected(limits, a=Logged) as connect:
            start = (await join(await connect()))["head"]
            for size in (10, 900, 10, 900):
                await connect.endpoint.broadcast("a", event, {"n": size, "x": "x" * size})
            client = await connect()
            await join(client, {"since": start})
            assert await numbers(client, 4) == [10, 900, 10, 900]


async def test_client_that_reads_slowly_meets_the_end_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    What was trimmed before it was handed on is no silent gap: the channel ends, the
    client joins anew, and hears that not all was recovered.
    """

    class Short(Logged):
        history = Retention(max_count=200)

    async with connected(Limits(max_mailbox_messages=10), a=Short) as connect:
        start = (await join(await connect()))["head"]
        await publish(connect, *range(200))
        client = await connect()
        assert (await join(client, {"since": start}))["recovered"] is True
        await until(lambda: not connect.endpoint._tasks)
        await publish(connect, *range(200, 500))
        got, last = list[int](), start
        while (message := await client.receive())[3] == "news":
            got.append(message[4]["n"])
            last = message[4]["id"]
        assert got == list(range(len(got)))
        assert message == ["1", "1", "a", "phx_error", {"reason": "channel_crash"}]
        assert (await join(client, {"since": last}))["recovered"] is False
        assert await numbers(client, 200) == list(range(300, 500))
    assert "trimmed" in caplog.text
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


async def test_messages_of_the_client_go_before_a_long_replay() -> None:
    """
    A push is answered and a leave taken though there is much to be handed on.
    """
    async with connected(Limits(max_mailbox_messages=10), a=Logged) as connect:
        start = (await join(await connect()))["head"]
        await publish(connect, *range(300))
        client = await connect()
        await join(client, {"since": start})
        ref = client.send("a", "ping")
        before = 0
        while (await client.receive())[1] != ref:
            before += 1
        assert before <= SLICE_MESSAGES
        ref = client.send("a", "phx_leave")
        while (await client.receive())[1] != ref:
            pass
        assert (await client.receive())[3] == "phx_close"
        await client.nothing_more()


async def test_replay_is_silent_once_its_channel_is_replaced() -> None:
    """
    A second join of the topic hears nothing more of the first, and everything itself.
    """
    async with connected(a=Logged) as connect:
        start = (await join(await connect()))["head"]
        await publish(connect, *range(300))
        client = await connect()
        await join(client, {"since": start})
        mailbox = client.server.session.mailbox
        before = mailbox.last - mailbox.acked + len(client.waiting)
        ref = client.send("a", "phx_join", {"since": start})
        got = [(await client.receive())[0] for _ in range(before + 302)]
        assert got[:before] == ["1"] * before
        assert sorted(got[before:]) == ["1", *[ref] * 301]  # the first one's phx_close
        await client.nothing_more()


async def test_replays_leave_the_loop_free() -> None:
    """
    However many clients recover at once, one slice goes out in a round of the event loop.
    """
    async with connected(a=Logged) as connect:
        start = (await join(await connect()))["head"]
        await publish(connect, *range(100))
        clients = [await connect() for _ in range(10)]
        for client in clients:
            client.send("a", "phx_join", {"since": start})
        mailboxes = [client.server.session.mailbox for client in clients]
        await until(lambda: all(mailbox.last for mailbox in mailboxes))
        before, rounds = sum(mailbox.last for mailbox in mailboxes), list[int]()
        while before < 10 * 101:
            await asyncio.sleep(0)
            now = sum(mailbox.last for mailbox in mailboxes)
            rounds.append(now - before)
            before = now
        assert max(rounds) == SLICE_MESSAGES


async def test_replays_take_turns() -> None:
    """
    In each round of the loop one, in the order of their asking; who is cancelled takes none.
    """
    turns, order, round_ = Turns(), list[tuple[int, int]](), 0

    async def take(number: int) -> None:
        await turns.take()
        order.append((number, round_))

    tasks = [asyncio.ensure_future(take(number)) for number in range(4)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    while not all(task.done() for task in tasks):
        round_ += 1
        await asyncio.sleep(0)
    assert [number for number, _ in order] == [0, 2, 3]
    rounds = [round_ for _, round_ in order]
    assert len(set(rounds)) == 3
    await asyncio.wait_for(take(4), 1)


# --- the seam, with everything that can come between


@define(eq=False)
class Gated(MemoryEngine):
    """
    An engine whose answers and deliveries come when the test says so.
    """

    reads: deque[asyncio.Future[None]] = field(init=False, factory=deque)
    deliveries: deque[Publication] = field(init=False, factory=deque)

    async def publish(
        self, publication: Publication, retention: Retention | None = None
    ) -> Receipt:
        assert retention is not None
        stored = self._store(publication, retention)
        self.deliveries.append(stored)
        return Receipt(stored.id, 0)

    def deliver(self) -> None:
        publication = self.deliveries.popleft()
        for receiver in tuple(self._receivers.get(publication.topic, ())):
            receiver(publication)

    async def read(self, topic, since, limit):
        return await self._late(await super().read(topic, since, limit))

    async def head(self, topic):
        return await self._late(await super().head(topic))

    async def _late(self, answer):
        gate = asyncio.get_running_loop().create_future()
        self.reads.append(gate)
        await gate
        return answer


class Intercepting(Logged):
    """
    Its `filtered` takes as long as the test wants.
    """

    history = Retention(max_count=12)
    gates: deque[asyncio.Future[None]] = deque()

    @handle_out("filtered")
    async def filtered(self, payload):
        gate = asyncio.get_running_loop().create_future()
        self.gates.append(gate)
        await gate
        await self.push("filtered", payload)


def open_one(gates: deque[asyncio.Future[None]]) -> None:
    if gates:
        gate = gates.popleft()
        if not gate.done():
            gate.set_result(None)


@define(eq=False)
class Page:
    """
    A page of the user's: it joins with the last id it has, and checks what it is sent.

    `base` is the id after which everything is to come, None before a join's reply,
    and empty where not all was recovered. What a channel that is being replaced still
    lets through comes before the reply of the new join, and may come again after it.
    """

    connect: Callable[[], Any]
    ids: list[str]  # all that was published, in order
    client: Client | None = None
    join_ref: str = ""
    since: str | None = None
    last: str | None = None
    base: str | None = None
    got: list[str] = field(factory=list)

    async def begin(self) -> None:
        if self.client is None:
            self.client = await self.connect()
        payload = {} if self.last is None else {"since": self.last}
        self.join_ref = self.client.send("a", "phx_join", payload)
        self.since, self.base, self.got = self.last, None, []

    def read(self, count: int) -> None:
        """
        Take up to `count` frames of the mailbox and look at each.
        """
        assert self.client is not None
        mailbox = self.client.server.session.mailbox
        for _ in range(count):
            for frame in mailbox.take(1):
                self.look(json.loads(frame.text))
        if mailbox.end is not None:
            assert mailbox.end is SLOW_CONSUMER
            self.client, self.base = None, None

    def look(self, message: list[Any]) -> None:
        join_ref, _, _, event, payload = message
        if join_ref not in (None, self.join_ref):
            return
        if event in ("news", "filtered"):
            self.check(payload["id"])
        elif event in ("phx_error", "phx_close"):
            self.base = None
        elif event == "phx_reply" and "head" in payload["response"]:
            self.begin_at(**payload["response"])

    def begin_at(self, head: str, recovered: bool = True) -> None:
        """
        Note where the log begins for this join.
        """
        self.base = (head if self.since is None else self.since) if recovered else ""
        self.last = self.last or head

    def check(self, id: str) -> None:
        if self.base:
            after = self.ids.index(self.base) + 1 if self.base in self.ids else 0
            assert id == self.ids[after + len(self.got)], "a hole, or out of order"
            self.got.append(id)
        else:
            assert self.last is None or id > self.last, "twice, or out of order"
            self.base = id if self.base == "" else None
        self.last = max(self.last or "", id)


actions = st.sampled_from(
    [
        "news",
        "news",
        "filtered",
        "deliver",
        "deliver",
        "read",
        "open",
        "take",
        "take",
        "spin",
        "rejoin",
        "leave",
        "burst",
    ]
)


@given(steps=st.lists(actions, max_size=60))
@settings(max_examples=150, deadline=None)
def test_seam_is_exact_whatever_comes_between(steps: list[str]) -> None:
    """
    Publish, commit, deliver, read, intercept, leave, join anew, trim, overflow: each
    message once, in order and without a hole, or `recovered` false.
    """
    asyncio.run(play(steps))


async def play(steps: list[str]) -> None:
    engine = Gated(lambda: 1.0)
    Intercepting.gates = deque()
    limits = Limits(max_mailbox_messages=8)
    async with connected(limits, engine, a=Intercepting) as connect:
        ids = list[str]()
        page = Page(connect, ids)
        await page.begin()

        async def say(event: str) -> None:
            receipt = await connect.endpoint.broadcast("a", event, {})
            ids.append(receipt.id)

        for step in steps:
            match step:
                case "news" | "filtered":
                    await say(step)
                case "burst":
                    for _ in range(9):
                        await say("news")
                case "deliver" if engine.deliveries:
                    engine.deliver()
                case "read":
                    open_one(engine.reads)
                case "open":
                    open_one(Intercepting.gates)
                case "take":
                    page.read(1)
                case "leave" if page.client is not None:
                    page.client.send("a", "phx_leave", join_ref=None)
                case "rejoin" if page.base is not None or page.client is None:
                    page.read(99)
                    await page.begin()
            await asyncio.sleep(0)
        for _ in range(2_000):
            page.read(99)
            if page.client is None or (page.base is None and not connect.endpoint._tasks):
                await page.begin()
            if engine.deliveries:
                engine.deliver()
            open_one(engine.reads)
            open_one(Intercepting.gates)
            await asyncio.sleep(0)
            if page.last == (ids[-1] if ids else page.last) and page.base is not None:
                break
        assert page.last == (ids[-1] if ids else page.last)
        while engine.reads or Intercepting.gates:
            open_one(engine.reads)
            open_one(Intercepting.gates)
            await asyncio.sleep(0)
