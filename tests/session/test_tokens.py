"""
Tokens: who may sign, who may verify, for what purpose and for how long.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import (
    BadSignature,
    SignatureExpired,
    TimestampSigner,
    URLSafeTimedSerializer,
    base64_decode,
)

from notifier.errors import TokenError
from notifier.session import Tokens, User
from notifier.session.tokens import (
    MAX_CURSOR_DIGITS,
    MAX_REMEMBERED_TOKENS,
    is_session_token,
    split_cursor,
    with_cursor,
)

NOW = 1_700_000_000.0
OLD, NEW, FOREIGN = "an old key", "a new key", "a key of others"


class Clock:
    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def make(*keys: str, clock: Callable[[], float] | None = None, max_age: int = 3600) -> Tokens:
    return Tokens(keys or (NEW,), clock or Clock(), max_age)


def refusal(tokens: Tokens, token: str) -> TokenError:
    with pytest.raises(TokenError) as caught:
        tokens.verify_user(token)
    return caught.value


def sign_claims(claims: object, key: str = NEW) -> str:
    """
    Make a token of any content, as a host application could.
    """
    signer = URLSafeTimedSerializer(
        key, salt="notifier.user", signer_kwargs={"digest_method": sha256}
    )
    token = signer.dumps(claims)
    assert isinstance(token, str)
    return token


# --- the user's


@given(st.text(min_size=1, max_size=255), st.sampled_from(["customer", "operator"]))
def test_verify_user_finds_whom_the_token_was_made_for(id: str, role: str) -> None:
    """
    The id and the role come back, whatever the id is.
    """
    tokens = make()
    assert tokens.verify_user(tokens.sign_user(User(id, role))) == User(id, role)


def test_user_is_a_customer_when_no_role_is_told() -> None:
    """
    The lesser role is the default.
    """
    assert User("42").role == "customer"


@pytest.mark.parametrize(
    ("user", "text"),
    [
        (User(""), "expected a user id that is a string and not empty, got a string of 0"),
        (User(42), "expected a user id that is a string and not empty, got a number"),  # type: ignore[arg-type]  # the mistake
        (User("x" * 256), "expected a user id of at most 255 characters, got 256"),
        (User("42", "admin"), "expected a role of customer, operator, got 'admin'"),
    ],
)
def test_sign_user_refuses_what_no_door_would_open_to(user: User, text: str) -> None:
    """
    An author's mistake is told where it is made, not at the first connect.
    """
    with pytest.raises(ValueError, match=text):
        make().sign_user(user)


def test_verify_user_takes_a_token_of_plain_itsdangerous() -> None:
    """
    A host application in Python can make tokens without Notifier.
    """
    plain = TimestampSigner(NEW, salt="notifier.user", digest_method=sha256)
    plain.get_timestamp = lambda: int(NOW)  # type: ignore[method-assign]  # its clock is not handed in
    payload = URLSafeTimedSerializer(NEW).dump_payload({"id": "42", "role": "operator"})
    assert make().verify_user(plain.sign(payload).decode()) == User("42", "operator")


def test_sign_user_makes_what_plain_itsdangerous_reads() -> None:
    """
    A token is in the documented form, which other programs may verify.
    """
    token = make(OLD, NEW).sign_user(User("42"), max_age=60)
    plain = URLSafeTimedSerializer(
        NEW, salt="notifier.user", signer_kwargs={"digest_method": sha256}
    )
    assert plain.loads(token) == {"id": "42", "role": "customer", "max_age": 60}


def test_verify_user_takes_a_token_until_its_age_is_reached() -> None:
    """
    A token is good for max_age seconds, the last one among them.
    """
    clock = Clock()
    tokens = make(clock=clock, max_age=3600)
    token = tokens.sign_user(User("42"))
    clock.now += 3600
    assert tokens.verify_user(token) == User("42")
    clock.now += 1
    error = refusal(tokens, token)
    assert (error.code, str(error)) == ("token_expired", "the token expired 1 s ago")


@pytest.mark.parametrize("max_age", [5, 7200])
def test_verify_user_goes_by_the_tokens_own_age_when_it_has_one(max_age: int) -> None:
    """
    What the token says rules over the default, be it shorter or longer.
    """
    clock = Clock()
    tokens = make(clock=clock, max_age=3600)
    token = tokens.sign_user(User("42"), max_age)
    clock.now += max_age
    assert tokens.verify_user(token) == User("42")
    clock.now += 1
    assert refusal(tokens, token).code == "token_expired"


def test_verify_user_looks_at_the_age_again_when_the_token_is_known() -> None:
    """
    A remembered signature does not keep a token alive.
    """
    clock = Clock()
    tokens = make(clock=clock, max_age=10)
    token = tokens.sign_user(User("42"))
    tokens.verify_user(token)
    clock.now += 11
    assert refusal(tokens, token).code == "token_expired"


def test_read_does_not_look_at_the_age() -> None:
    """
    Whoever comes back to a session may come with the token that opened it.
    """
    tokens = make(clock=(clock := Clock()), max_age=10)
    token = tokens.sign_user(User("ann"))
    clock.now += 99
    assert tokens.read(token).user == User("ann")
    with pytest.raises(TokenError):
        tokens.read(token + "x")


def test_verify_user_counts_the_age_in_whole_seconds() -> None:
    """
    A token has the age that the seconds of its times tell, as with itsdangerous.
    """
    clock = Clock(NOW + 0.9)
    tokens = make(clock=clock, max_age=1)
    token = tokens.sign_user(User("42"))
    clock.now = NOW + 1.999
    assert tokens.verify_user(token) == User("42")


def test_verify_user_remembers_so_many_tokens_and_no_more() -> None:
    """
    What is remembered is bounded, and a token that fell out is verified anew.
    """
    tokens = make()
    made = [tokens.sign_user(User(str(number))) for number in range(MAX_REMEMBERED_TOKENS + 1)]
    users = [tokens.verify_user(token) for token in made]
    remembered: Any = tokens._read
    assert remembered.cache_info().currsize == MAX_REMEMBERED_TOKENS
    assert tokens.verify_user(made[0]) == users[0]


def test_verify_user_forgets_what_was_no_good() -> None:
    """
    Bad tokens push no good one out of what is remembered.
    """
    tokens = make()
    for number in range(10):
        refusal(tokens, f"bad{number}")
    remembered: Any = tokens._read
    assert remembered.cache_info().currsize == 0


def test_keys_sign_with_the_newest() -> None:
    """
    A token of two keys' owner verifies with the newest key alone, not with the oldest.
    """
    token = make(OLD, NEW).sign_user(User("42"))
    assert make(NEW).verify_user(token) == User("42")
    assert refusal(make(OLD), token).code == "token_invalid"


def test_keys_verify_with_each() -> None:
    """
    A token that was signed before the rotation is good after it.
    """
    tokens = make(OLD, NEW)
    assert tokens.verify_user(make(OLD).sign_user(User("42"))) == User("42")
    assert tokens.verify_session(make(OLD).sign_session("s1"))
    assert make(NEW).verify_session(tokens.sign_session("s1"))


def test_keys_of_others_are_refused() -> None:
    """
    A token that was signed with another key opens nothing.
    """
    tokens, others = make(OLD, NEW), make(FOREIGN)
    assert refusal(tokens, others.sign_user(User("42"))).code == "token_invalid"
    assert not tokens.verify_session(others.sign_session("s1"))


@pytest.mark.parametrize("keys", [(), ("",), (NEW, "")], ids=repr)
def test_keys_are_refused_when_there_is_none_or_an_empty_one(keys: tuple[str, ...]) -> None:
    """
    A key that anybody can guess is no key.
    """
    with pytest.raises(ValueError, match="one secret key or more"):
        Tokens(keys, Clock(), 3600)


def test_repr_counts_the_keys() -> None:
    """
    The keys never stand in a log line or a traceback.
    """
    text = repr(make(OLD, NEW))
    assert "<2 keys>" in text
    assert "key'" not in text
    assert NEW not in text


@pytest.mark.parametrize(
    "claims",
    [
        {"role": "customer"},
        {"id": "42"},
        {"id": 42, "role": "customer"},
        {"id": "", "role": "customer"},
        {"id": "42", "role": "customer", "max_age": True},
        {"id": "42", "role": "admin"},
        {"id": "42", "role": "customer", "max_age": "60"},
        {"id": "42", "role": "customer", "max_age": None},
        ["42", "customer"],
        "42",
        None,
    ],
    ids=repr,
)
def test_verify_user_refuses_claims_that_name_nobody(claims: object) -> None:
    """
    A good signature over something else than a user and a role opens nothing.
    """
    error = refusal(make(), sign_claims(claims))
    assert error.code == "token_invalid"
    assert "does not name a user and a role" in str(error)


GARBAGE = {
    "empty": "",
    "dots": "..",
    "more dots": "a.b.c.d",
    "no dot": "abc",
    "not ASCII": "é.ü.ß",
    "half a pair": "\udcff.\udcff.\udcff",
    "NUL": "\x00",
    "long": "A" * 100_000,
    "a JWT": "eyJhbGciOiJub25lIn0.eyJpZCI6IjQyIn0.",
}


@pytest.mark.parametrize("token", GARBAGE.values(), ids=GARBAGE)
def test_verify_user_refuses_garbage(token: str) -> None:
    """
    Whatever comes as a token is refused by a TokenError and nothing else.
    """
    assert refusal(make(), token).code == "token_invalid"


def test_verify_user_refuses_a_signed_payload_that_is_no_json() -> None:
    """
    A good signature over no JSON at all opens nothing.
    """
    token = TimestampSigner(NEW, salt="notifier.user", digest_method=sha256).sign("bm8h").decode()
    assert refusal(make(), token).code == "token_invalid"


def test_token_is_refused_by_its_length_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Nothing else is done with a token that is too long, and it is not remembered.
    """
    tokens = make()
    monkeypatch.setattr(tokens, "_read", lambda _: pytest.fail("it was read"))
    error = refusal(tokens, "A" * 4_097)
    assert str(error) == "expected a token of at most 4,096 characters, got 4,097"


def test_token_error_does_not_repeat_the_token() -> None:
    """
    A refused token may be somebody's: it stands in no text and no chained text.
    """
    error = refusal(make(), make(FOREIGN).sign_user(User("42")))
    assert len(error.detail) < 80
    assert "eyJ" not in str(error)


def swapped(character: str) -> str:
    return "A" if character != "A" else "B"


def test_verify_user_refuses_a_token_with_any_character_changed() -> None:
    """
    One character changed anywhere but in the spare bits of the last one is noticed.
    """
    tokens = make()
    token = tokens.sign_user(User("42", "customer"))
    for place in range(len(token) - 1):
        bad = token[:place] + swapped(token[place]) + token[place + 1 :]
        assert refusal(tokens, bad).code == "token_invalid", place


def test_verify_user_refuses_a_token_that_is_cut() -> None:
    """
    No beginning of a token passes for the token.
    """
    tokens = make()
    token = tokens.sign_user(User("42"))
    for length in range(len(token)):
        assert refusal(tokens, token[:length]).code == "token_invalid", length


# --- purposes


def test_purposes_do_not_pass_for_one_another() -> None:
    """
    A token made for one thing is no good for another, though the key is the same.
    """
    tokens = make()
    backoffice, other = tokens.serializer("backoffice"), tokens.serializer("csrf")
    claims = {"id": "42", "role": "operator"}
    assert refusal(tokens, str(backoffice.dumps(claims))).code == "token_invalid"
    assert not tokens.verify_session("nts_" + str(backoffice.dumps("s1")))
    assert not tokens.verify_session("nts_" + tokens.sign_user(User("42")))
    assert refusal(tokens, tokens.sign_session("s1")).code == "token_invalid"
    for foreign in (other.dumps(claims), tokens.sign_user(User("42", "operator"))):
        with pytest.raises(BadSignature):
            backoffice.loads(foreign)


def test_serializer_reads_what_it_made_until_its_age() -> None:
    """
    The serializer goes by the clock that was handed in.
    """
    clock = Clock()
    serializer = make(clock=clock).serializer("backoffice")
    token = serializer.dumps({"operator": "ada"})
    clock.now += 60
    assert serializer.loads(token, max_age=60) == {"operator": "ada"}
    clock.now += 1
    with pytest.raises(SignatureExpired):
        serializer.loads(token, max_age=60)


def test_serializer_takes_what_an_older_key_signed() -> None:
    """
    Keys rotate for every purpose.
    """
    token = make(OLD).serializer("backoffice").dumps("ada")
    assert make(OLD, NEW).serializer("backoffice").loads(token) == "ada"


# --- the session's


def test_verify_session_takes_what_was_signed() -> None:
    """
    The signed part is known again.
    """
    tokens = make()
    assert tokens.verify_session(tokens.sign_session("s1"))


def test_verify_session_refuses_a_token_with_any_character_changed() -> None:
    """
    One character changed anywhere behind the prefix is noticed: there are no spare bits.
    """
    tokens = make()
    token = tokens.sign_session("s1")
    for place in range(len("nts_"), len(token)):
        bad = token[:place] + swapped(token[place]) + token[place + 1 :]
        assert not tokens.verify_session(bad), place


@pytest.mark.parametrize("token", GARBAGE.values(), ids=GARBAGE)
def test_verify_session_refuses_garbage(token: str) -> None:
    """
    Whatever comes as a session token is a no, and never an error.
    """
    assert not make().verify_session(f"nts_{token}")


def test_session_token_is_told_from_a_users_by_its_prefix() -> None:
    """
    The two may stand under one name in a query.
    """
    tokens = make()
    assert is_session_token(tokens.sign_session("s1"))
    assert not is_session_token(tokens.sign_user(User("42")))


def test_session_token_needs_no_escape_in_a_url() -> None:
    """
    A client may paste the token into a query as it is.
    """
    token = with_cursor(make().sign_session("Zm9v_-"), 17)
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


@given(st.integers(0, 10**MAX_CURSOR_DIGITS - 1))
def test_split_cursor_undoes_with_cursor(cursor: int) -> None:
    """
    The signed part and the cursor come back as they were put together.
    """
    signed = make().sign_session("s1")
    assert split_cursor(with_cursor(signed, cursor)) == (signed, cursor)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "nts_",
        "nts_s1",
        "nts_s1.",
        "nts_s1.sig",
        "nts_s1.sig.",
        "nts_s1.sig.-1",
        "nts_s1.sig.+1",
        "nts_s1.sig.1_000",
        "nts_s1.sig. 1",
        "nts_s1.sig.1\n",
        "nts_s1.sig.1.5x",
        "nts_s1.sig.٣",
        "nts_s1.sig.²",
        "nts_s1.sig." + "1" * (MAX_CURSOR_DIGITS + 1),
        "nts_s1.sig." + "9" * 100_000,
        "s1.sig.1",
        "NTS_s1.sig.1",
        " nts_s1.sig.1",
    ],
)
def test_split_cursor_is_none_when_it_is_no_session_token(token: str) -> None:
    """
    Only our prefix, and behind the last dot plain digits of a bounded number, pass.
    """
    assert split_cursor(token) is None


def test_split_cursor_takes_any_number_that_a_mailbox_can_reach() -> None:
    """
    Eighteen digits are more messages than a session sees, and still fit into 64 bits.
    """
    assert split_cursor("nts_s1.sig." + "9" * 18) == ("nts_s1.sig", 10**18 - 1)


@given(st.text())
def test_split_cursor_raises_nothing(token: str) -> None:
    """
    Any text is a token by its looks or is not.
    """
    split_cursor(f"nts_{token}")


def test_claims_are_json_that_a_person_can_look_at() -> None:
    """
    The payload is base64url of a JSON object, as the documentation shows it.
    """
    payload = make().sign_user(User("42"), max_age=60).partition(".")[0]
    claims = orjson.loads(base64_decode(payload))
    assert claims == {"id": "42", "role": "customer", "max_age": 60}
