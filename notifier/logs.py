"""
The log: one plain line a record, and nothing in it that a peer has sent.
"""

from __future__ import annotations

import logging
import re
import sqlite3
import sys
import traceback
from typing import Final

logger = logging.getLogger(__name__)

LOG_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
LOGGED_FRAMES: Final = 6
LOGGED_CAUSES: Final = 4
"""How much of an exception is logged, the innermost first."""


def log_to_stderr(level: str) -> None:
    """
    Log to stderr from `level` on, one line a record.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(LOG_FORMAT))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def log_failure(what: str, error: BaseException) -> None:
    """
    Log where it failed, without the error's text: that may hold a message.
    """
    where = "".join(traceback.format_tb(error.__traceback__))
    logger.error("%s failed with %s\n%s", what, reason(error), where)


def reason(error: BaseException) -> str:
    """
    Tell an error by its name and, of a database or the system, in their words: those
    hold nothing of what was to be stored, as the error's own text does.
    """
    told = getattr(error, "orig", None)
    words = told if isinstance(told, sqlite3.Error) else getattr(error, "strerror", None)
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


class LineFormatter(logging.Formatter):
    """
    Makes one line of a record, whatever its text and its exception hold.

    Of aiohttp's own records only what no peer can have sent is kept: their
    arguments, and the texts of its exceptions, quote request lines.
    """

    def format(self, record: logging.LogRecord) -> str:
        is_quoting = record.name.partition(".")[0] == "aiohttp"
        line = logging.makeLogRecord(vars(record) | {"exc_info": None, "exc_text": None})
        if is_quoting:
            line.msg, line.args = re.sub("%.", "…", str(record.msg)), ()
        text = super().format(line)
        if record.exc_info and record.exc_info[1]:
            text += f": {in_one_line(record.exc_info[1], with_text=not is_quoting)}"
        return text.replace("\r", "\\r").replace("\n", "\\n")


def in_one_line(error: BaseException, *, with_text: bool = True) -> str:
    """
    Tell an exception, where it was raised, and what it came from.

    Leaves out what stands between `--app` and the module that it names.
    """
    told: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(told) < LOGGED_CAUSES:
        text = f": {cause}" if with_text and str(cause) else ""
        places = [
            f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_name}"
            for frame, line in traceback.walk_tb(cause.__traceback__)
            if not frame.f_globals.get("__name__", "").startswith(("importlib", "notifier.cli"))
        ]
        where = f" (at {', '.join(places[: -LOGGED_FRAMES - 1 : -1])})" if places else ""
        told.append(f"{type(cause).__name__}{text}{where}")
        if isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        else:
            cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "; from ".join(told)
