"""
The operators' form: what customer service sends and withdraws with.
"""

from .desk import Desk
from .operators import Operator, OperatorExists, OperatorStore
from .routes import setup

__all__ = ["Desk", "Operator", "OperatorExists", "OperatorStore", "setup"]
