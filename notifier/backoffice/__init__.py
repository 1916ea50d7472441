"""
The operators' form: what customer service sends and withdraws with.
"""

from notifier.backoffice.desk import Desk
from notifier.backoffice.operators import Operator, OperatorExists, OperatorStore
from notifier.backoffice.routes import setup
from notifier.backoffice.sent import SentStore

__all__ = [
    "Desk",
    "Operator",
    "OperatorExists",
    "OperatorStore",
    "SentStore",
    "setup",
]
