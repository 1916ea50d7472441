"""
Which serializer a client's `vsn` asks for.
"""

from __future__ import annotations

import re
from typing import Final

from notifier.protocol.serializer import Serializer
from notifier.protocol.v1 import V1Serializer
from notifier.protocol.v2 import V2Serializer

DEFAULT_VSN: Final = "1.0.0"
"""What a client speaks that sends no `vsn`, as in Phoenix."""

_SERIALIZERS: Final[dict[str, Serializer]] = {"1": V1Serializer(), "2": V2Serializer()}
_VSN: Final = re.compile(r"([12])\.0\.(?:0|[1-9][0-9]*)")


def serializer_for(vsn: str | None) -> Serializer | None:
    """
    Find the serializer for a `vsn` as Phoenix does: 1.0.x and 2.0.x.

    Returns None for any other, short forms and pre-releases among them.
    """
    match = _VSN.fullmatch(DEFAULT_VSN if vsn is None else vsn)
    return _SERIALIZERS[match[1]] if match else None
