"""
What hypothesis draws for the wire: refs, names, JSON values as both sides have them.
"""

from __future__ import annotations

from hypothesis import strategies as st

from notifier.protocol import Payload, Ref

INT64 = st.integers(-(2**63), 2**64 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)

refs: st.SearchStrategy[Ref] = st.none() | st.text() | INT64 | FLOATS
payloads: st.SearchStrategy[Payload] = st.recursive(
    st.none() | st.booleans() | INT64 | FLOATS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
short_text = st.text(max_size=63)
"""At most 252 bytes in UTF-8, whatever the characters are."""


def nested(depth: int) -> Payload:
    """
    Make lists within lists, `depth` of them.
    """
    value: Payload = []
    for _ in range(depth - 1):
        value = [value]
    return value
