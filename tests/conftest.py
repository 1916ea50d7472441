"""
What every test may use.
"""

from __future__ import annotations

import os
import shutil

import pytest


def require(program: str) -> str:
    """
    Find a program that a test needs: without it the test fails in CI, and is skipped elsewhere.
    """
    path = shutil.which(program)
    if path is None:
        missing = f"{program} is not installed: scripts/install-tools tells how"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path
