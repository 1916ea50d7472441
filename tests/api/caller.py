"""
A host application that calls the API, and a clock that is set.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from attrs import define, evolve, frozen

from notifier.app import Notifier

PREFIX = "/api/v1"


@define
class Clock:
    """
    A clock that moves when it is told to.
    """

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@frozen
class Told:
    """
    An answer, as far as a test looks at it.
    """

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def kind(self) -> str:
        """
        The name of the problem, and that it is told as one.
        """
        assert self.headers["Content-Type"] == "application/problem+json"
        assert self.body["status"] == self.status
        assert self.body["title"]
        assert self.body["detail"]
        return str(self.body["type"]).removeprefix(f"{PREFIX}/openapi.json#/components/responses/")

    @property
    def fields(self) -> list[str]:
        return [one["field"] for one in self.body["errors"]]


@frozen
class Caller:
    """
    Asks with a key, and gives what came.
    """

    http: TestClient[Any, Any]
    notifier: Notifier
    key: str | None

    def having(self, key: str | None) -> Caller:
        return evolve(self, key=key)

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> Told:
        asked = dict(headers or {})
        if self.key is not None:
            asked.setdefault("Authorization", f"Bearer {self.key}")
        if body is not None or data is not None:
            asked.setdefault("Content-Type", "application/json")
        data = json.dumps(body).encode() if data is None and body is not None else data
        response: ClientResponse
        async with self.http.request(
            method, PREFIX + path, data=data, headers=asked, allow_redirects=False
        ) as response:
            text = await response.text()
            value = json.loads(text) if text else None
            return Told(response.status, value, response.headers)

    async def publish(self, once: str | None = None, **changes: object) -> Told:
        body = {"topic": "room:lobby", "event": "new_msg", "payload": {"body": "hello"}, **changes}
        headers = {} if once is None else {"Idempotency-Key": once}
        return await self.ask("POST", "/publish", body, headers=headers)
