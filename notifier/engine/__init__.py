"""
What carries messages between channels and nodes, and keeps their history.
"""

from __future__ import annotations

from notifier.engine.base import Engine, Page, Publication, Receipt, Receiver, Retention
from notifier.engine.memory import MemoryEngine
from notifier.engine.sqlite import SqliteEngine

__all__ = [
    "Engine",
    "MemoryEngine",
    "Page",
    "Publication",
    "Receipt",
    "Receiver",
    "Retention",
    "SqliteEngine",
]
