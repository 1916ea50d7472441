"""
A customer's page to try things on: `notifier serve --demo`, on one's own machine only.
"""

from notifier.demo.local import is_local
from notifier.demo.routes import setup

__all__ = ["is_local", "setup"]
