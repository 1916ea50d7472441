"""
`docs/tokens.md`: its test vectors, by the recipe in Python and in Node, and at the door.
"""

from __future__ import annotations

import hmac
import json
import re
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from conftest import require
from itsdangerous import base64_encode

from notifier.session import JwtRules, Tokens, User

DOCUMENT = (Path(__file__).parents[1] / "docs" / "tokens.md").read_text()
SCRIPT = Path(__file__).parent / "js" / "token.mjs"
PATIENCE_S = 20


def vectors(kind: str) -> list[dict[str, Any]]:
    blocks = re.findall(rf"^```json {kind}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert blocks
    return [json.loads(block) for block in blocks]


OURS, THEIRS = vectors("user-token"), vectors("json-web-token")


def signed(parts: list[bytes], key: bytes) -> str:
    text = b".".join(base64_encode(part) for part in parts)
    return (text + b"." + base64_encode(hmac.digest(key, text, sha256))).decode()


def users(payload: str) -> User:
    claims = json.loads(payload)
    return User(claims.get("id") or claims["sub"], claims.get("role", "customer"))


@pytest.mark.parametrize("vector", OURS, ids=lambda vector: vector["payload"])
def test_token_is_that_of_the_recipe(vector: dict[str, Any]) -> None:
    """
    Step by step, with hashlib and hmac alone.
    """
    derived = sha256(b"notifier.user" + b"signer" + vector["key"].encode()).digest()
    assert derived.hex() == vector["derived_key"]
    parts = [vector["payload"].encode(), vector["time"].to_bytes(4)]
    assert signed(parts, derived) == vector["token"]


@pytest.mark.parametrize("vector", OURS, ids=lambda vector: vector["payload"])
def test_token_is_good_at_the_door(vector: dict[str, Any]) -> None:
    """
    For whom its payload says, since its time.
    """
    claims = Tokens([vector["key"]], lambda: vector["time"], 60).verify(vector["token"])
    assert (claims.user, claims.issued_at) == (users(vector["payload"]), vector["time"])


def test_token_is_the_one_that_we_make() -> None:
    """
    To the last character, where the payload is written as we write it.
    """
    first, second, third = OURS
    for vector, max_age in ((first, None), (second, 3600), (third, None)):
        tokens = Tokens([vector["key"]], lambda vector=vector: vector["time"], 60)
        assert tokens.sign_user(users(vector["payload"]), max_age) == vector["token"]


@pytest.mark.parametrize("vector", THEIRS, ids=lambda vector: vector["payload"])
def test_json_web_token_is_that_of_the_recipe_and_good(vector: dict[str, Any]) -> None:
    """
    The header and the payload as they stand, signed with the secret as it stands.
    """
    secret, issued_at = vector["secret"].encode(), json.loads(vector["payload"])["iat"]
    parts = [vector["header"].encode(), vector["payload"].encode()]
    assert signed(parts, secret) == vector["token"]
    rules = JwtRules(secrets=[secret], role_claim="role")
    claims = Tokens(["k"], lambda: issued_at, 60, rules).verify(vector["token"])
    assert (claims.user, claims.issued_at) == (users(vector["payload"]), issued_at)


@pytest.mark.node
def test_node_makes_the_same_tokens() -> None:
    """
    By the recipe, with node:crypto.
    """
    command = [require("node"), str(SCRIPT), json.dumps([*OURS, *THEIRS])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    assert json.loads(done.stdout) == [vector["token"] for vector in (*OURS, *THEIRS)]


def test_snippet_of_the_document_is_that_of_the_script() -> None:
    """
    What is shown is what is tested: the derived key, the encoding, the signature.
    """
    script = SCRIPT.read_text()
    for line in (
        'createHash("sha256").update("notifier.user" + "signer" + key).digest()',
        'part.toString("base64url")).join(".")',
        'update(signed).digest("base64url")',
    ):
        assert line in DOCUMENT
        assert line in script
