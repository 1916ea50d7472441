"""
JSON that is to be kept: no larger than it is.
"""

from __future__ import annotations

from typing import Any

import orjson


def dump(value: Any) -> bytes:
    """
    Make UTF-8 JSON; raise TypeError for what JSON cannot hold.

    A copy: orjson gives its whole buffer of 4 kB away, however little is in it,
    and what is made here waits in mailboxes by the thousand.
    """
    return b"%b" % orjson.dumps(value)
