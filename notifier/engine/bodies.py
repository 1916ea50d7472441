"""
A logged publication as the text that engines store, and back.

Every log holds text and not objects, in memory too: so nobody can change what
is logged, and what is delivered live is what is read later.
"""

from __future__ import annotations

import orjson

from notifier.engine.base import Publication
from notifier.protocol import Payload


def encode(publication: Publication) -> bytes:
    """
    Make the JSON `[id, event, payload, sender]`; the topic is the log's.

    Raises TypeError for what JSON cannot hold.
    """
    one = publication
    # A copy, since orjson gives its whole buffer of 4 kB away, however little is in it.
    return bytes(memoryview(orjson.dumps([one.id, one.event, one.payload, one.sender])))


def decode(topic: str, body: bytes | str) -> Publication:
    """
    Make the publication anew, sharing nothing with the one that was encoded.
    """
    return publication_of(topic, *orjson.loads(body))


def publication_of(
    topic: str, id: str, event: str, payload: Payload, sender: str | None
) -> Publication:
    """
    Put a publication together from its topic and what a body holds.
    """
    return Publication(topic, event, payload, id, sender)


def check_text(**texts: str) -> None:
    """
    Raise ValueError, naming the argument, for what no log can hold: half of a surrogate pair.
    """
    for name, text in texts.items():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{name}: expected text, got half of a surrogate pair") from error
