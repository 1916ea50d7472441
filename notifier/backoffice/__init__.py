"""
The back office: what customer service sends, withdraws and watches with.
"""

from notifier.backoffice.audit import Act, AuditLog
from notifier.backoffice.door.operators import (
    LastAdmin,
    Operator,
    OperatorExists,
    OperatorStore,
    OperatorUnknown,
)
from notifier.backoffice.routes import setup

__all__ = [
    "Act",
    "AuditLog",
    "LastAdmin",
    "Operator",
    "OperatorExists",
    "OperatorStore",
    "OperatorUnknown",
    "setup",
]
