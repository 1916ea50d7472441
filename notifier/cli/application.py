"""
Finds the application that `notifier serve --app` names.
"""

from __future__ import annotations

import importlib
import os
import sys
from difflib import get_close_matches

from notifier.app import Notifier
from notifier.errors import ConfigError, describe
from notifier.logs import in_one_line


def load_app(place: str) -> Notifier:
    """
    Import the Notifier at `module:attribute`, from here or installed.

    Raises ConfigError telling what was expected and what is there.
    """
    module_name, _, path = place.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    found: object = _import(module_name)
    for name in path.split("."):
        if not hasattr(found, name):
            near = ", ".join(get_close_matches(name, dir(found))) or "nothing like it"
            raise ConfigError(
                f"--app: expected a Notifier at {place}, got no {name!r} there (but {near})"
            )
        found = getattr(found, name)
    if not isinstance(found, Notifier):
        raise ConfigError(
            f"--app: expected a Notifier at {place}, such as app = Notifier(YourSocket), "
            f"got {describe(found)}"
        )
    return found


def _import(module_name: str) -> object:
    try:
        return importlib.import_module(module_name)
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        # A module that is missing inside the application is the application's failure.
        if missing and f"{module_name}.".startswith(f"{missing}."):
            raise ConfigError(
                f"--app: expected a module that Python finds from {os.getcwd()}, "
                f"got {module_name!r}: there is no {missing!r}"
            ) from error
        raise ConfigError(f"--app: {module_name} failed: {in_one_line(error)}") from error
