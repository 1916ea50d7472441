"""
`notifier check`: what is wrong with a configuration, or unsafe.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

import attrs
import click

from notifier.app import DATABASE, HISTORY, Notifier
from notifier.checkup import Case, Finding, is_good, look
from notifier.cli.application import load_app
from notifier.cli.options import file_option, load, option
from notifier.config import JWT_VARIABLE
from notifier.errors import ConfigError


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@option("host", "ADDRESS")
@option("data_dir", "DIRECTORY")
@option("app", "MODULE:ATTRIBUTE")
@file_option
def check(as_json: bool, file: str | None, **flags: str | None) -> None:
    """
    Say what is wrong with the configuration, or unsafe.

    \b
        notifier check --config notifier.toml

    Nothing is started or made. Exit status: 0 where there is nothing but notes, else 1.
    """
    findings = _findings(flags, file)
    if as_json:
        told = {"ok": is_good(findings), "findings": [attrs.asdict(one) for one in findings]}
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        for one in findings:
            click.echo(f"{one.level}: {one.setting}: {one.text}")
        if is_good(findings):
            click.echo("nothing is wrong")
    raise SystemExit(0 if is_good(findings) else 1)


def _findings(flags: dict[str, str | None], file: str | None) -> Sequence[Finding]:
    try:
        config = load(flags, file)
    except ConfigError as error:
        return [Finding("wrong", "config", str(error))]
    found, notifier = [], Notifier()
    try:
        notifier = load_app(config.app) if config.app else notifier
    except ConfigError as error:
        found.append(Finding("wrong", "app", str(error)))
    case = Case(
        config,
        config.data_dir / DATABASE,
        config.data_dir / HISTORY,
        os.environ.get(JWT_VARIABLE),
        notifier.socket_class.channels,
    )
    return [*found, *look(case)]
