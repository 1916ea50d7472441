"""
A failure in the log.
"""

from __future__ import annotations

import pytest

from notifier.api.failures import log_failure


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
