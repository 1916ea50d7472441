"""
Runs commands in this process.
"""

from __future__ import annotations

from click.testing import CliRunner, Result

from notifier.cli import main


def notifier_command(*words: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, words, input=stdin, prog_name="notifier")


def told_in_one_line(result: Result) -> str:
    """
    Check that a mistake was told as it should be, and return how.
    """
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("Error: ").rstrip("\n")
