"""
The bounds: each with a sentence, a unit, and a default that may be used.
"""

from __future__ import annotations

import attrs
import pytest

from notifier.session import Limits

FIELDS = attrs.fields(Limits)
MAY_BE_ZERO = {"max_sessions_per_user", "ping_interval_ms"}
UNITS = ("bytes", "lines", "channels", "messages", "presences", "sessions", "user", "ms")


@pytest.mark.parametrize("limit", FIELDS, ids=lambda limit: limit.name)
def test_each_limit_says_what_it_counts_and_what_happens(limit: attrs.Attribute[int]) -> None:
    """
    The doc line is there for the config's help, and the unit stands in the name.
    """
    assert len(limit.metadata["doc"]) > 20
    assert limit.name.endswith(UNITS)


@pytest.mark.parametrize("limit", FIELDS, ids=lambda limit: limit.name)
def test_each_limit_refuses_what_would_stop_everything(limit: attrs.Attribute[int]) -> None:
    """
    A limit is 1 at least, or 0 at least where 0 means that there is none.
    """
    least = 0 if limit.name in MAY_BE_ZERO else 1
    assert getattr(Limits(**{limit.name: least}), limit.name) == least
    with pytest.raises(ValueError, match=f"'{limit.name}' must be >= {least}"):
        Limits(**{limit.name: least - 1})


def test_defaults_are_those_of_the_protocol() -> None:
    """
    Where Phoenix or the design names a number, the default is that number.
    """
    limits = Limits()
    assert (limits.max_message_bytes, limits.window_ms) == (8_000_000, 10_000)
    assert (limits.max_channels, limits.max_batch_lines) == (100, 1_000)
    assert (limits.max_answer_bytes, limits.idle_timeout_ms) == (65_536, 60_000)


def test_window_stays_below_the_shortest_idle_limit_of_proxies() -> None:
    """
    Envoy cuts what is idle for 15 s: a poll and its answer fit into that.
    """
    assert Limits().window_ms < 15_000
