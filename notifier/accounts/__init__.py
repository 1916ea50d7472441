"""
The database, and the users in it: who may connect.
"""

from __future__ import annotations

from notifier.accounts.access import Access
from notifier.accounts.accounts import Accounts
from notifier.accounts.users import Account, UserExists, UserStore, UserUnknown

__all__ = ["Access", "Account", "Accounts", "UserExists", "UserStore", "UserUnknown"]
