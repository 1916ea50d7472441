"""
The back office: what customer service sends, withdraws and watches with.
"""

from notifier.backoffice.audit import COMMAND_LINE, Act, AuditLog
from notifier.backoffice.door.operators import (
    ROLES,
    LastAdmin,
    Operator,
    OperatorExists,
    OperatorStore,
    OperatorUnknown,
)
from notifier.backoffice.routes import setup

__all__ = [
    "COMMAND_LINE",
    "ROLES",
    "Act",
    "AuditLog",
    "LastAdmin",
    "Operator",
    "OperatorExists",
    "OperatorStore",
    "OperatorUnknown",
    "setup",
]
