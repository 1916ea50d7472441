"""
The API of `notifier serve`, behind the front and across kills.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from api.serving import Served, notifier, serving

pytestmark = pytest.mark.server

BODY = {"topic": "room:lobby", "event": "new_msg", "payload": {"body": "attack at dawn"}}


def ask(server: Served, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    request = urllib.request.Request(
        f"{server.address}/api/v1{path}",
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json", **headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_request_is_done_once_when_the_server_is_killed(tmp_path: Path) -> None:
    """
    The answer is in the database, and the message in the log, before the caller has it.
    """
    with serving(tmp_path) as server:
        first = ask(server, "/publish", BODY, **{"Idempotency-Key": "a"})
        server.process.kill()
    with serving(tmp_path, server.key) as server:
        assert ask(server, "/publish", BODY, **{"Idempotency-Key": "a"}) == first
        _, page = ask(server, "/history/room:lobby")
        assert [one["id"] for one in page["messages"]] == [first[1]["id"]]
        other = {**BODY, "event": "other"}
        assert ask(server, "/publish", other, **{"Idempotency-Key": "a"})[0] == 422


def test_key_is_refused_within_a_second_when_the_command_line_revokes_it(tmp_path: Path) -> None:
    """
    The server that runs is told by the database alone.
    """
    with serving(tmp_path) as server:
        assert ask(server, "/sessions")[0] == 200
        notifier(server.data_dir, "apikey", "revoke", "host")
        revoked = time.monotonic()
        while ask(server, "/sessions")[0] == 200:
            assert time.monotonic() - revoked < 1.5
            time.sleep(0.05)
        assert ask(server, "/sessions")[0] == 401


def test_settings_bound_what_a_key_may_ask(tmp_path: Path) -> None:
    """
    By their names in the environment.
    """
    bounds = {"API_RATE_PER_S": "1", "API_BURST": "3", "API_MAX_BODY_BYTES": "100"}
    with serving(tmp_path, **bounds) as server:
        assert ask(server, "/publish", {"payload": "x" * 100})[0] == 413
        assert [ask(server, "/sessions")[0] for _ in range(3)] == [200, 200, 429]


def test_nothing_secret_is_in_the_log(tmp_path: Path) -> None:
    """
    No key, right or wrong, no token, no payload, no idempotency key, at debug level.
    """
    with serving(tmp_path) as server:
        ask(server, "/publish", BODY, **{"Idempotency-Key": "order-seven"})
        ask(server, "/publish", {**BODY, "event": "phx_dawn"})
        ask(server, "/notices", {"to": {"users": ["ann"]}, "body": "attack at dawn"})
        _, token = ask(server, "/tokens", {"user": "ann"})
        ask(server, "/sessions", Authorization="Bearer nta_wrong-key")
        ask(server, f"/users/{token['token']}?dawn=1")
    log = server.log.read_text()
    for secret in (server.key, "dawn", "order-seven", token["token"], "nta_wrong-key"):
        assert secret not in log
