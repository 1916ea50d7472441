"""
The head of a request: what the front reads itself, and what it gives to aiohttp.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.transports.head import (
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    HandOver,
    Repeated,
    find_end,
    parse_head,
)

GET = b"GET /socket/longpoll?vsn=2.0.0&token=a.b HTTP/1.1\r\nHost: a\r\n"


def test_head_is_read_when_it_is_regular() -> None:
    """
    Names come in lower case, values without the space around them, repeated ones joined.
    """
    head = parse_head(GET + b"X-A:1\r\nX-a: \t2 \r\nX-Empty:\r\n\r\n")
    assert (head.method, head.path, head.query) == (
        "GET",
        "/socket/longpoll",
        "vsn=2.0.0&token=a.b",
    )
    assert dict(head.headers) == {"host": "a", "x-a": "1, 2", "x-empty": ""}
    assert (head.minor_version, head.body_size, head.keeps_alive) == (1, 0, True)


@pytest.mark.parametrize(
    ("line", "header", "keeps"),
    [
        (b"HTTP/1.1", b"", True),
        (b"HTTP/1.1", b"Connection: close\r\n", False),
        (b"HTTP/1.1", b"Connection: keep-alive, Close\r\n", False),
        (b"HTTP/1.0", b"", False),
        (b"HTTP/1.0", b"Connection: Keep-Alive\r\n", True),
    ],
)
def test_connection_is_kept_as_its_version_says(line: bytes, header: bytes, keeps: bool) -> None:
    """
    HTTP/1.1 keeps a connection unless told otherwise, HTTP/1.0 closes it unless told otherwise.
    """
    head = parse_head(b"GET /socket/longpoll " + line + b"\r\nHost: a\r\n" + header + b"\r\n")
    assert head.keeps_alive is keeps


def test_body_size_is_read_when_a_post_tells_it() -> None:
    """
    A POST's Content-Length is the size of its body.
    """
    head = parse_head(b"POST /socket/longpoll HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n")
    assert head.body_size == 12


IRREGULAR = {
    "another method": b"PUT /socket/longpoll HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD": b"HEAD /socket/longpoll HTTP/1.1\r\nHost: a\r\n\r\n",
    "a method in lower case": b"get /socket/longpoll HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/2": b"GET /socket/longpoll HTTP/2.0\r\nHost: a\r\n\r\n",
    "HTTP/1.2": b"GET /socket/longpoll HTTP/1.2\r\nHost: a\r\n\r\n",
    "absolute form": b"GET http://a/socket/longpoll HTTP/1.1\r\nHost: a\r\n\r\n",
    "asterisk form": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "two spaces": b"GET  /socket/longpoll HTTP/1.1\r\nHost: a\r\n\r\n",
    "a tab": b"GET\t/socket/longpoll HTTP/1.1\r\nHost: a\r\n\r\n",
    "a space in the path": b"GET /socket/long poll HTTP/1.1\r\nHost: a\r\n\r\n",
    "a control character in the path": b"GET /socket\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a fragment": b"GET /socket/longpoll#x HTTP/1.1\r\nHost: a\r\n\r\n",
    "bytes over ASCII in the path": "GET /socket/é HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
    "no version": b"GET /socket/longpoll\r\nHost: a\r\n\r\n",
    "an empty line first": b"\r\nGET /socket/longpoll HTTP/1.1\r\nHost: a\r\n\r\n",
    "no host": b"GET /socket/longpoll HTTP/1.1\r\n\r\n",
    "two hosts": GET + b"Host: b\r\n\r\n",
    "GET with a length": GET + b"Content-Length: 0\r\n\r\n",
    "POST without a length": GET.replace(b"GET", b"POST") + b"\r\n",
    "two lengths": b"POST /socket/longpoll HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
    "a list of lengths": b"POST /socket/longpoll HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
    "a length with a sign": b"POST /socket/longpoll HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
    "a length in hex": b"POST /socket/longpoll HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n",
    "a length of 16 digits": b"POST /socket/longpoll HTTP/1.1\r\nHost: a\r\nContent-Length: 1111111111111111\r\n\r\n",
    "chunked": b"POST /socket/longpoll HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "chunked and a length": b"POST /socket/longpoll HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n",
    "Expect": b"POST /socket/longpoll HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n",
    "a folded header": GET + b"X-A: 1\r\n 2\r\n\r\n",
    "a header without colon": GET + b"X-A\r\n\r\n",
    "a space before the colon": GET + b"X-A : 1\r\n\r\n",
    "a header without a name": GET + b": 1\r\n\r\n",
    "a NUL in a header": GET + b"X-A: a\0b\r\n\r\n",
    "a bare CR in a header": GET + b"X-A: a\rb\r\n\r\n",
    "a bare LF in a header": GET + b"X-A: a\nb: c\r\n\r\n",
    "too many headers": GET + b"X-A: 1\r\n" * MAX_HEADERS + b"\r\n",
}


@pytest.mark.parametrize("name", IRREGULAR)
def test_head_is_handed_over_when_it_is_not_regular(name: str) -> None:
    """
    What could be understood in two ways is not understood here at all.
    """
    with pytest.raises(HandOver):
        parse_head(IRREGULAR[name])


def test_end_is_found_when_it_comes_in_pieces() -> None:
    """
    A head ends with an empty line, wherever the network cuts it.
    """
    whole = GET + b"\r\nbody"
    for cut in range(len(whole)):
        found = find_end(bytearray(whole[:cut]))
        assert found == (len(GET) + 2 if cut >= len(GET) + 2 else -1)


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\n\n", b"x" * (MAX_HEAD_BYTES + 1)])
def test_head_is_handed_over_before_it_ends_when_it_cannot_be_ours(data: bytes) -> None:
    """
    Bare line feeds and a head that is too long are not waited for.
    """
    with pytest.raises(HandOver):
        find_end(bytearray(data))


@given(st.binary(max_size=300))
def test_any_head_is_read_or_handed_over(data: bytes) -> None:
    """
    No bytes raise anything else.
    """
    try:
        head = parse_head(data + b"\r\n\r\n")
    except HandOver:
        return
    assert head.method in ("GET", "POST", "OPTIONS")


# The same request again

SIGNED = b"nts_id.signature"


def test_cursor_is_found_when_a_poll_repeats_the_last() -> None:
    """
    Only the number differs, so only the number is read.
    """
    repeated = Repeated.of(b"GET /p?token=nts_id.signature.0 HTTP/1.1\r\n\r\n", SIGNED)
    assert repeated is not None
    assert repeated.number_in(b"GET /p?token=nts_id.signature.17 HTTP/1.1\r\n\r\n") == 17


@pytest.mark.parametrize(
    "data",
    [
        b"GET /p?token=nts_id.signature.17 HTTP/1.0\r\n\r\n",
        b"GET /q?token=nts_id.signature.17 HTTP/1.1\r\n\r\n",
        b"GET /p?token=nts_id.signature. HTTP/1.1\r\n\r\n",
        b"GET /p?token=nts_id.signature.-1 HTTP/1.1\r\n\r\n",
        b"GET /p?token=nts_id.signature.1&a=b HTTP/1.1\r\n\r\n",
        b"GET /p?token=nts_id.signature.17 HTTP/1.1\r\n\r\nGET",
        b"GET /p?token=nts_id.signature." + b"1" * 19 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_request_is_read_anew_when_anything_else_differs(data: bytes) -> None:
    """
    Another byte than the cursor's makes it another request.
    """
    repeated = Repeated.of(b"GET /p?token=nts_id.signature.0 HTTP/1.1\r\n\r\n", SIGNED)
    assert repeated is not None
    assert repeated.number_in(data) is None


def test_request_is_not_taken_for_repeatable_when_the_token_is_there_twice() -> None:
    """
    Two cursors in one head are not one number.
    """
    head = b"GET /p?token=nts_id.signature.0&token=nts_id.signature.0 HTTP/1.1\r\n\r\n"
    assert Repeated.of(head, SIGNED) is None
    assert Repeated.of(b"GET /p HTTP/1.1\r\n\r\n", SIGNED) is None
