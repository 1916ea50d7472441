"""
The API for a host application in any language, below /api/v1.
"""

from notifier.api.answers import AnswerStore
from notifier.api.keys import ApiKey, ApiKeyStore
from notifier.api.operations import SCOPES
from notifier.api.routes import operations, setup

__all__ = ["SCOPES", "AnswerStore", "ApiKey", "ApiKeyStore", "operations", "setup"]
