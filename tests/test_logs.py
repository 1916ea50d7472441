"""
The log: one line a record, and nothing in it that a peer has sent.
"""

from __future__ import annotations

import logging
import re
import sqlite3

import pytest
from sqlalchemy.exc import OperationalError

from notifier.logs import LOG_FORMAT, LineFormatter, log_failure


def formatted(name: str, text: str, *args: object, error: BaseException | None = None) -> str:
    info = None if error is None else (type(error), error, error.__traceback__)
    record = logging.LogRecord(name, logging.ERROR, __file__, 1, text, args, info)
    return LineFormatter(LOG_FORMAT).format(record)


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    try:
        raise error from cause
    except Exception as caught:
        return caught


def test_log_is_one_line_when_the_text_has_several() -> None:
    """
    Nobody forges a line of the log by sending an end of line.
    """
    assert formatted("a", "got %s", "x\r\nforged").endswith(r"got x\r\nforged")


def test_log_tells_error_and_place_when_something_was_raised() -> None:
    """
    An exception is on the same line: what, where, and what it came from.
    """
    cause = raised(KeyError("body"))
    line = formatted("notifier.x", "crashed", error=raised(ValueError("a\nb"), cause))
    assert "\n" not in line
    assert re.search(
        r"crashed: ValueError: a\\nb \(at \S+test_logs\.py:\d+ in raised\); from KeyError: 'body'",
        line,
    )


def test_log_tells_the_first_when_a_group_was_raised() -> None:
    """
    Of a group of exceptions the log follows the first.
    """
    line = formatted("a", "crashed", error=ExceptionGroup("many", [ValueError("inner")]))
    assert line.endswith("; from ValueError: inner")


def test_log_hides_what_a_peer_sent_when_aiohttp_logs() -> None:
    """
    Neither arguments nor exception texts of aiohttp are logged: they quote requests.
    """
    error = raised(ValueError("GET /?token=SECRET"), raised(KeyError("SECRET")))
    line = formatted("aiohttp.server", "Error from %s: %r", "SECRET", "SECRET", error=error)
    assert "SECRET" not in line
    assert "Error from …: …: ValueError (at " in line


def test_failure_is_told_by_kind_and_place(caplog: pytest.LogCaptureFixture) -> None:
    """
    Its text stays out: it may hold what was sent.
    """
    try:
        raise KeyError("attack at dawn".upper())
    except KeyError as error:
        log_failure("to test", error)
    assert "to test failed with KeyError" in caplog.text
    assert "test_failure_is_told_by_kind_and_place" in caplog.text
    assert "DAWN" not in caplog.text


def test_log_tells_a_full_disk_from_a_locked_database(caplog: pytest.LogCaptureFixture) -> None:
    """
    In SQLite's words, for whoever is on call; what was to be stored stays out.
    """
    full = sqlite3.OperationalError("database or disk is full")
    log_failure("to send", OperationalError("INSERT", {"body": "SECRET"}, full))
    log_failure("to send", OSError(13, "Permission denied", "SECRET"))
    assert "OperationalError: database or disk is full" in caplog.text
    assert "PermissionError: Permission denied" in caplog.text
    assert "SECRET" not in caplog.text
