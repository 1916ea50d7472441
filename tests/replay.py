"""
Plays a recorded conversation against a server, and tells what it answered.

A recording is a list of steps; `Player.play` yields, for each step that has an
answer, what was recorded and what came, both masked of what varies: tokens,
dates, and the texts that Notifier adds to a refusal. Time is the player's: what
waited ten seconds in the recording waits for a tick of its clock here, and an
answer that waits for one only here or only there is a difference.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import gzip
import json
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import define, field

RECORDINGS = Path(__file__).parent / "transcripts"
RECORDED_TOKEN = re.compile(r"SFMyNTY\.[A-Za-z0-9_.-]+")
BEARER = re.compile(r"base64url\.bearer\.phx\.([A-Za-z0-9+/_-]+)")
OPCODES = {"continuation": 0, "text": 1, "binary": 2, "close": 8, "ping": 9, "pong": 10}
NAMES = {number: name for name, number in OPCODES.items()}
PING = b"\x89"
PATIENCE_S = 10.0
WINDOW_S = 10.1
"""What an answer waits for that does not come by itself; with what the wheel may be late."""

LONG_MS = 5_000
"""
What counts as waiting in the recording. Phoenix looks two seconds for a session that is dead;
those are not compared.
"""

EARLY_S = 3.0
"""How long before its time a frame that takes its time is looked for."""

LARGE = 100_000
"""Bytes of a body that the server does not read in one go."""

PASSES = 50
"""How often the server is given its turn before it is taken to have nothing to say."""

WHEEL_S = 0.1
"""How late the server's wheel may notice that something is due."""

Step = dict[str, Any]
PRESENCE = ("presence_state", "presence_diff")


def cases(name: str) -> dict[str, list[Step]]:
    """
    Read a recording: its cases, each a list of steps.
    """
    found: dict[str, list[Step]] = {}
    for line in (RECORDINGS / f"{name}.jsonl").read_text().rstrip("\n").split("\n"):
        step = json.loads(line)
        if "case" in step and not step.get("start"):
            found.setdefault(step["case"], []).append(step)
    return found


@define(eq=False)
class Clock:
    """
    The monotonic clock of the server under test.
    """

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@define(eq=False)
class Connection:
    """
    One TCP connection, with what a step needs of HTTP and of WebSocket.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, port: int) -> Connection:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 25))

    def has_data(self) -> bool:
        """
        Whether something has come that was not read yet, and is no ping.
        """
        buffer: bytearray = self.reader._buffer  # type: ignore[attr-defined]  # a look, not a read
        while buffer[:1] == PING and len(buffer) >= 2 + buffer[1]:
            del buffer[: 2 + buffer[1]]
        return bool(buffer)

    def is_over(self) -> bool:
        """
        Whether the server has closed, and all that it sent was read.
        """
        return self.reader.at_eof() or self.reader.exception() is not None

    def send_request(
        self, method: str, target: str, headers: list[list[str]], body: bytes, version: str
    ) -> None:
        lines = [f"{method} {target} HTTP/{version}"]
        lines += [f"{k}: {v}" for k, v in headers if k != "content-length"]
        if body or any(k == "content-length" for k, _ in headers):
            lines.append(f"content-length: {len(body)}")
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + body)

    async def read_response(self, method: str) -> tuple[str, list[tuple[str, str]], bytes]:
        head = await self.reader.readuntil(b"\r\n\r\n")
        line, *rest = head.decode().strip().split("\r\n")
        headers = [(k.lower(), v) for k, v in (one.split(": ", 1) for one in rest if ": " in one)]
        length = int(dict(headers).get("content-length", "0"))
        is_empty = method == "HEAD" or line.split()[1] == "101"
        return line, headers, b"" if is_empty else await self.reader.readexactly(length)

    def send_frame(self, send: Step) -> None:
        opcode = OPCODES.get(send["opcode"], send["opcode"])
        if send["opcode"] == "close" and "code" in send:
            payload = send["code"].to_bytes(2) + send["reason"].encode()
        else:
            payload = _bytes_of(send)
        first = (0x80 if send.get("fin", True) else 0) | send.get("rsv", 0) << 4 | opcode
        is_masked = send.get("masked", True)
        self.writer.write(_frame(first, payload, is_masked=is_masked))

    async def read_frame(self) -> Step:
        """
        Read one frame that is no ping; a closed connection is one of a kind, too.
        """
        try:
            first, second = await self.reader.readexactly(2)
            size = second & 0x7F
            if size > 125:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8))
            payload = await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return {"tcp": "closed by server"}
        name = NAMES[first & 0x0F]
        if name == "ping":
            return await self.read_frame()
        if name == "close":
            if not self.writer.is_closing():
                self.writer.write(_frame(0x88, payload[:2], is_masked=True))
            return {"opcode": name, "code": int.from_bytes(payload[:2])}
        if name == "binary":
            return {"opcode": name, "hex": payload.hex()}
        return {"opcode": name, "text": payload.decode()}


def _frame(first: int, payload: bytes, *, is_masked: bool) -> bytes:
    size, bit = len(payload), 0x80 if is_masked else 0
    if size <= 125:
        head = bytes((first, bit | size))
    elif size <= 0xFFFF:
        head = bytes((first, bit | 126)) + size.to_bytes(2)
    else:
        head = bytes((first, bit | 127)) + size.to_bytes(8)
    if not is_masked:
        return head + payload
    mask = os.urandom(4)
    key = (mask * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(size)
    return head + mask + masked


def _bytes_of(body: Step) -> bytes:
    """
    The bytes of a recorded body; a long run of x was cut short in the recording.
    """
    if "base64" in body:
        return base64.b64decode(body["base64"])
    text: str = body.get("text", "")
    whole = body.get("truncated_of") or body.get("body_truncated_of")
    if whole:
        start, end = text[: text.index("xxx")], '"}]'
        text = start + "x" * (whole - len(start) - len(end)) + end
    return text.encode()


@define(eq=False)
class Player:
    """
    Plays one case. What happens outside stands by the number of its step: in `ahead` if it comes
    before what the step sends, in `before` if it comes before what the step receives.
    """

    port: int
    clock: Clock
    tick: Callable[[], None]
    user_token: str
    ahead: dict[int, Callable[[Player], Awaitable[None]]] = field(factory=dict)
    before: dict[int, Callable[[Player], Awaitable[None]]] = field(factory=dict)
    keeps_time: bool = False
    is_race: bool = False
    tokens: dict[str, str] = field(factory=dict)
    pending: dict[str, Connection] = field(factory=dict)
    _http: dict[str, Connection] = field(factory=dict)
    _websockets: dict[str, Connection] = field(factory=dict)
    _opened: list[Connection] = field(factory=list)
    _at_ms: float = 0.0
    _recorded_refs: PresenceRefs = field(init=False, factory=lambda: PresenceRefs())
    _refs: PresenceRefs = field(init=False, factory=lambda: PresenceRefs())

    async def play(self, steps: list[Step]) -> AsyncIterator[tuple[int, Any, Any]]:
        """
        Give the number of each step with what was recorded and what came.
        """
        for group in self._groups(steps):
            answers = []
            for step in group:
                async with asyncio.timeout(PATIENCE_S):
                    answers += [one async for one in self._play(step)]
            if len(group) > 1:
                yield (
                    group[0]["step"],
                    *(sorted(one, key=repr) for one in zip(*answers, strict=True)),
                )
            elif answers:
                yield group[0]["step"], *answers[0]
        yield 0, [], await self._unread()

    async def close(self) -> None:
        """
        Close every connection.
        """
        for connection in self._opened:
            connection.writer.close()
            with suppress(ConnectionError):
                await connection.writer.wait_closed()

    async def _unread(self) -> list[Step]:
        """
        Read what the server sent beyond the recording.
        """
        await self.settle()
        left = [one for one in self._websockets.values() if one.has_data()]
        return [_masked_frame(await one.read_frame()) for one in left]

    def _groups(self, steps: list[Step]) -> list[list[Step]]:
        """
        Each step by itself; where answers race in the recording, those together.
        """
        groups: list[list[Step]] = []
        for step in steps:
            if self.is_race and "recv" in step and groups and "recv" in groups[-1][-1]:
                groups[-1].append(step)
            else:
                groups.append([step])
        return groups

    async def _open(self) -> Connection:
        connection = await Connection.open(self.port)
        self._opened.append(connection)
        return connection

    async def settle(self) -> None:
        """
        Let the server do all that it can do now.
        """
        for _ in range(2):
            connection = self._http.get("settle") or await self._open()
            self._http["settle"] = connection
            connection.send_request("GET", "/settled", [["host", "a"]], b"", "1.1")
            await connection.read_response("GET")
            for _ in range(10):
                await asyncio.sleep(0)

    async def _settle_for(self, connection: Connection, passes: int) -> bool:
        """
        Give the server its turns until it has answered; tell whether it has.
        """
        for _ in range(passes):
            await self.settle()
            if connection.has_data() or connection.is_over():
                return True
        return False

    async def advance(self, seconds: float) -> None:
        """
        Let time pass, once the server has done what there was to do.
        """
        await self.settle()
        self.clock.now += seconds
        self.tick()
        await self.settle()

    async def _play(self, step: Step) -> AsyncIterator[tuple[Any, Any]]:
        is_early = await self._keep_time(step) if self.keeps_time and "at_ms" in step else False
        act = self.ahead.get(step["step"])
        if act is None and "request" not in step:
            act = self.before.get(step["step"])
        if act is not None:
            await self.settle()
            await act(self)
        if "request" in step or "handshake_request" in step:
            yield await self._exchange(step)
        elif "recv" in step:
            recorded, came = await self._receive(step)
            yield recorded, {"early": came} if is_early else came
        elif step.get("who", "") not in self._websockets:
            return  # its handshake was refused, which is the difference
        elif "send" in step:
            self._websocket(step).send_frame(step["send"])
            if step["send"].get("opcode") != "continuation" and step["send"].get("fin", True):
                await self.settle()
        elif "send_raw" in step:
            self._send_many(step)

    async def _keep_time(self, step: Step) -> bool:
        """
        Go on to when a step was recorded; tell whether its frame came long before.
        """
        seconds = max(step["at_ms"] - self._at_ms, 0) / 1000
        self._at_ms = step["at_ms"]
        is_early = False
        if seconds > EARLY_S:
            await self.advance(seconds - EARLY_S)
            is_early = "recv" in step and self._websocket(step).has_data()
            seconds = EARLY_S
        await self.advance(seconds + WHEEL_S)
        return is_early

    # --- HTTP

    async def _exchange(self, step: Step) -> tuple[Any, Any]:
        request = step.get("request") or step["handshake_request"]
        recorded = step.get("response") or step["handshake_response"]
        who, method = step.get("who", ""), request["method"]
        connection = self.pending.pop(who, None)
        if connection is None:
            connection = await self.start(step)
        if step["step"] in self.before:
            await self.settle()
            await self.before[step["step"]](self)
        is_large = len(_request_body(request)) > LARGE
        has_come = await self._settle_for(connection, PASSES if is_large else 1)
        has_waited = not has_come and not self.keeps_time
        if has_waited:
            await self.advance(WINDOW_S)
        line, headers, body = await connection.read_response(method)
        await self.settle()
        is_closed = connection.reader.at_eof() or dict(headers).get("connection") == "close"
        if is_closed:
            self._http = {k: v for k, v in self._http.items() if v is not connection}
        if line.split()[1] == "101":
            self._websockets[who] = connection
        elif "handshake_request" in step:
            self._websockets.pop(who, None)
        self._learn_token(recorded, body)
        return (
            _masked(recorded["line"], recorded["headers"], _recorded_body(recorded))
            | {"closed": bool(step.get("server_closed_connection"))}
            | {"waited": not self.keeps_time and step.get("elapsed_ms", 0) > LONG_MS},
            _masked(line, headers, body) | {"closed": is_closed, "waited": has_waited},
        )

    async def start(self, step: Step) -> Connection:
        """
        Send a step's request, and leave its answer to be read.
        """
        request = step.get("request") or step["handshake_request"]
        who = step.get("who", "")
        connection = None if "handshake_request" in step else self._http.get(who)
        if connection is None:
            connection = await self._open()
            if "request" in step:
                self._http[who] = connection
        headers = [[k, self._with_our_tokens(v)] for k, v in request["headers"]]
        version = "1.0" if step.get("note") == "HTTP/1.0" else "1.1"
        body = _request_body(request)
        target = self._with_our_tokens(request["target"])
        connection.send_request(request["method"], target, headers, body, version)
        return connection

    def _with_our_tokens(self, text: str) -> str:
        def ours(match: re.Match[str]) -> str:
            return self.tokens.get(match[0], self.user_token)

        def bearer(match: re.Match[str]) -> str:
            try:
                padded = match[1] + "=" * (-len(match[1]) % 4)
                decoded = base64.b64decode(padded, altchars=b"-_").decode()
            except (binascii.Error, UnicodeDecodeError):
                return match[0]
            if not RECORDED_TOKEN.fullmatch(decoded):
                return match[0]
            encoded = base64.b64encode(self.user_token.encode()).decode().rstrip("=")
            return f"base64url.bearer.phx.{encoded}"

        return RECORDED_TOKEN.sub(ours, BEARER.sub(bearer, text))

    def _learn_token(self, recorded: Step, body: bytes) -> None:
        theirs = RECORDED_TOKEN.search(_recorded_body(recorded).decode(errors="replace"))
        ours = re.search(rb'"token": ?"([^"]+)"', body)
        if theirs and ours:
            self.tokens[theirs[0]] = ours[1].decode()

    def learn_newest(self, body: bytes) -> None:
        """
        Go on with the token of an answer that is not in the recording.
        """
        newest = json.loads(body)["token"]
        session = newest.rpartition(".")[0]
        for theirs, ours in self.tokens.items():
            if ours.rpartition(".")[0] == session:
                self.tokens[theirs] = newest

    # --- WebSocket

    def _websocket(self, step: Step) -> Connection:
        return self._websockets[step.get("who", "")]

    def _send_many(self, step: Step) -> None:
        for text in (
            '["1","1","room:lobby","phx_join",{}]',
            '["1","2","room:lobby","ping",{}]',
            '["1","3","room:lobby","phx_leave",{}]',
            '[null,"4","phoenix","heartbeat",{}]',
        ):
            self._websocket(step).send_frame({"opcode": "text", "text": text})

    async def _receive(self, step: Step) -> tuple[Any, Any]:
        recorded = step["recv"]
        if step.get("who", "") not in self._websockets:
            return _masked_frame(recorded or {}), {"websocket": "was refused"}
        connection = self._websocket(step)
        if recorded is None:  # silence
            await self.settle()
            return None, "something" if connection.has_data() else None
        if not await self._settle_for(connection, PASSES):
            return _masked_frame(recorded), {"nothing": "came"}
        came = await connection.read_frame()
        return (
            self._recorded_refs.mask(_masked_frame(recorded)),
            self._refs.mask(_masked_frame(came, recorded)),
        )

    async def hang_up(self, who: str) -> None:
        """
        Close a WebSocket's connection without a close frame.
        """
        await self.settle()
        self._websockets.pop(who).writer.close()
        await self.settle()


@define(eq=False)
class PresenceRefs:
    """
    Masks what varies in presences: a `phx_ref` becomes its key and the number it has there.
    """

    known: dict[str, str] = field(factory=dict)
    counts: Counter[str] = field(factory=Counter)

    def mask(self, frame: Step) -> Step:
        text = frame.get("text")
        if not isinstance(text, list) or text[3] not in PRESENCE:
            return frame
        payload = text[4]
        for presences in (payload["joins"], payload["leaves"]) if "joins" in payload else [payload]:
            for key, presence in presences.items():
                presence["metas"] = [self._masked(key, meta) for meta in presence["metas"]]
        return frame

    def _masked(self, key: str, meta: Step) -> Step:
        masked = {name: self._name(key, ref) for name, ref in meta.items() if "phx_ref" in name}
        return meta | masked | ({"online_at": "T"} if "online_at" in meta else {})

    def _name(self, key: str, ref: str) -> str:
        if ref not in self.known:
            self.counts[key] += 1
            self.known[ref] = f"{key} {self.counts[key]}"
        return self.known[ref]


def _request_body(request: Step) -> bytes:
    return _bytes_of(request["body"] | request) if request.get("body") else b""


def _recorded_body(recorded: Step) -> bytes:
    body = _bytes_of(recorded.get("body", {}))
    is_zipped = ["content-encoding", "gzip"] in recorded["headers"]
    return gzip.decompress(body) if is_zipped else body


def _masked(line: str, headers: Any, body: bytes) -> Step:
    """
    What is compared of an HTTP answer.
    """
    told = dict(headers)
    status = int(line.split()[1])
    is_page = status in (403, 404)  # which is the HTTP server's, or says why
    names = CORS if is_page else ("content-type", "sec-websocket-protocol", *CORS)
    answer: Step = {"http": line.split()[0], "status": status}
    answer |= {name: told[name] for name in names if name in told}
    if told.get("cache-control") == "no-store":
        answer["cache-control"] = "no-store"
    try:
        value = json.loads(body)
    except ValueError:
        return answer | ({"body": body.decode()} if status == 400 else {})
    if is_page:
        return answer
    if isinstance(value, dict):
        value.pop("message", None)
        if "reason" in value and value.get("status") in (403, 410, 500):
            value.pop("reason")
        if "token" in value:
            value["token"] = "T"
        if "messages" in value:
            value["messages"] = [_parsed(text) for text in value["messages"]]
    return answer | {"body": value}


CORS = (
    "access-control-allow-origin",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-max-age",
)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _masked_frame(frame: Step, recorded: Step | None = None) -> Step:
    """
    What is compared of a frame: a long run of x counts as its length alone.
    """
    masked = {k: v for k, v in frame.items() if k in ("opcode", "code", "hex", "tcp")}
    if frame.get("opcode") == "text":
        whole = frame.get("truncated_of") or (
            len(frame["text"]) if recorded and recorded.get("truncated_of") else None
        )
        masked["text"] = f"{whole} bytes" if whole else _parsed(frame["text"])
    elif "text" in frame:
        masked["text"] = frame["text"]
    return masked
