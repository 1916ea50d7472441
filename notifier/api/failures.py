"""
How a failure gets into the log: by its kind and place, and nothing that was sent.
"""

from __future__ import annotations

import logging
import traceback

logger = logging.getLogger(__name__)


def log_failure(what: str, error: BaseException) -> None:
    """
    Log where it failed, without the error's text: that may hold a message.
    """
    where = "".join(traceback.format_tb(error.__traceback__))
    logger.error("%s failed with %s\n%s", what, type(error).__name__, where)
