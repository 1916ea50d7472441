"""
The operators' form: what customer service sends and withdraws with.
"""

from notifier.backoffice.desk import Desk, Online, OnlineUser
from notifier.backoffice.operators import Operator, OperatorExists, OperatorStore
from notifier.backoffice.routes import setup

__all__ = [
    "Desk",
    "Online",
    "OnlineUser",
    "Operator",
    "OperatorExists",
    "OperatorStore",
    "setup",
]
