"""
Signed values that leave the server and come back: cookies, CSRF tokens, forms.
"""

from __future__ import annotations

import hmac
from typing import Final

from attrs import frozen
from itsdangerous import BadData, URLSafeTimedSerializer

# What a sealed value is for; one sealed for one purpose opens for no other.
LOGIN: Final = "login"
VISITOR: Final = "visitor"
LOGIN_CSRF: Final = "login csrf"
VISITOR_CSRF: Final = "visitor csrf"
UNSENT: Final = "unsent form"
KNOWN: Final = "browser that has signed in"


@frozen(repr=False)
class Seals:
    """
    Seals values with the server's keys; only what it sealed opens again.

    It says nothing about age: whoever opens a value knows what it names and
    whether that has ended.
    """

    _signer: URLSafeTimedSerializer

    def seal(self, purpose: str, value: object) -> str:
        """
        Return the value, readable for all, as a string for one purpose.
        """
        return str(self._signer.dumps([purpose, value]))

    def open(self, purpose: str, sealed: str) -> object | None:
        """
        Return the value that was sealed for this purpose, or None.
        """
        try:
            found: object = self._signer.loads(sealed)
        except BadData:
            return None
        match found:
            case [str(named), value] if named == purpose:
                opened: object = value
                return opened
        return None

    def names(self, purpose: str, sealed: str, value: str) -> bool:
        """
        Return whether this very value was sealed for this purpose.
        """
        found = self.open(purpose, sealed)
        return isinstance(found, str) and hmac.compare_digest(found.encode(), value.encode())
