"""
What carries messages between channels and nodes, and keeps their history.
"""

from __future__ import annotations

from notifier.engine.base import (
    MAX_PAGE_BYTES,
    Engine,
    Page,
    Publication,
    Receipt,
    Receiver,
    Retention,
)
from notifier.engine.memory import MemoryEngine
from notifier.engine.sqlite import SqliteEngine

__all__ = [
    "MAX_PAGE_BYTES",
    "Engine",
    "MemoryEngine",
    "Page",
    "Publication",
    "Receipt",
    "Receiver",
    "Retention",
    "SqliteEngine",
]
