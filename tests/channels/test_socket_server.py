"""
One client's connection: its session, its socket and its channels.
"""

from __future__ import annotations

import asyncio

from channels.drive import connected, until
from notifier import Channel, Limits, Ok, handle_in
from notifier.protocol.reasons import CLIENT_CLOSED
from notifier.session import Poll


class Slow(Channel):
    gate: asyncio.Event

    async def join(self, payload):
        await self.gate.wait()

    @handle_in("ping")
    async def ping(self, payload):
        return Ok(payload)


async def test_join_is_waited_for_no_longer_than_asked() -> None:
    """
    curl joins with its connect, and is answered even if the join takes its time.
    """
    Slow.gate = asyncio.Event()
    async with connected(a=Slow, b=Channel) as connect:
        client = await connect()
        await client.server.wait_for_channels(0.0)
        client.send("a", "phx_join")
        client.send("b", "phx_join")
        await client.server.wait_for_channels(0.0)
        assert client.server.session.mailbox.last <= 1
        Slow.gate.set()
        await client.server.wait_for_channels(10.0)
        assert client.server.session.mailbox.last == 2


async def test_messages_after_the_end_are_dropped() -> None:
    """
    A transport may still hand in what it has read.
    """
    async with connected(a=Channel) as connect:
        client = await connect()
        await client.join("a")
        client.server.close(CLIENT_CLOSED)
        client.send("a", "phx_join")
        client.send("a", "ping")
        client.send("phoenix", "heartbeat")
        assert list(client.server.session.mailbox.take(1_000)) == []
        assert client.server._channels == {}


async def test_wheel_lets_a_poll_go_and_then_ends_the_session() -> None:
    """
    After a window the poll, after one and a half without a request the session.
    """
    clock = [0.0]
    async with connected(Limits(window_ms=1_000), a=Channel) as connect:
        endpoint = connect.endpoint
        endpoint.now = lambda: clock[0]
        server, ready = (await connect()).server, []
        endpoint.deadlines.watch(server)
        mailbox = server.session.mailbox
        poll = Poll(0, lambda: ready.append(mailbox.answer(poll, clock[0]).status))
        mailbox.poll(poll, clock[0])
        for now in (0.9, 1.2, 2.5):
            clock[0] = now
            endpoint.tick(now)
            assert endpoint.count() == 1
        assert ready == [204]
        clock[0] = 2.9
        endpoint.tick(clock[0])
        assert server.session.end is not None
        assert server.session.end.code == "session_expired"
        assert len(endpoint.deadlines) == 0


async def test_request_under_way_keeps_the_session() -> None:
    """
    However long a body takes to come, its session is not taken away under it.
    """
    clock = [0.0]
    async with connected(Limits(window_ms=1_000), a=Channel) as connect:
        endpoint = connect.endpoint
        endpoint.now = lambda: clock[0]
        server = (await connect()).server
        endpoint.deadlines.watch(server)
        server.session.mailbox.begin_request()
        for now in range(1, 20):
            clock[0] = float(now)
            endpoint.tick(clock[0])
        assert server.session.end is None
        server.session.mailbox.end_request(clock[0])
        clock[0] += 1.9
        endpoint.tick(clock[0])
        assert server.session.end is not None


async def test_channel_is_forgotten_when_it_ends() -> None:
    """
    Whether it left, was refused, or was replaced.
    """
    Slow.gate = asyncio.Event()
    Slow.gate.set()
    async with connected(a=Slow) as connect:
        client = await connect()
        for _ in range(3):
            client.send("a", "phx_join")
            await until(lambda: not connect.endpoint._tasks)
        await until(lambda: len(client.server._channels) == 1)
        client.send("a", "phx_leave", join_ref=None)
        await until(lambda: client.server._channels == {})


async def test_connection_shows_no_token_when_printed() -> None:
    """
    Its text has counts.
    """
    async with connected(a=Channel) as connect:
        server = (await connect()).server
        await asyncio.sleep(0)
        assert server.token not in repr(server)
        assert server.session.id not in repr(server)
