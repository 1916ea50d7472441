"""
The command line: arguments, environment, signals.

A mistake of whoever types is one line on stderr and exit status 2; what a
command is asked for is all that goes to stdout.
"""

from __future__ import annotations

from notifier.cli.application import load_app
from notifier.cli.commands import main

__all__ = ["load_app", "main"]
