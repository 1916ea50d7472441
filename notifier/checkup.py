"""
What is wrong with a configuration, or unsafe, before anybody connects.

Nothing is started, made or changed. Each check is a function that yields what
it has found; a new one belongs into `CHECKS`.
"""

from __future__ import annotations

import resource
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from math import inf
from pathlib import Path
from typing import Final, Literal

from attrs import field, frozen
from sqlalchemy.exc import SQLAlchemyError

from notifier.backoffice import OperatorStore
from notifier.channels import Channel
from notifier.config import JWT_VARIABLE, Config, settings
from notifier.errors import ConfigError
from notifier.secrets import KEY_FILE, load_jwt_secrets, load_keys
from notifier.transports import OriginCheck, TrustedProxies

Level = Literal["wrong", "unsafe", "note"]
"""`wrong`: it will not start, or not work as meant. `note`: nothing to mend, as it may be meant."""

MAX_WINDOW_MS: Final = 20_000
"""Proxies that give up soonest do so after 30 s; a poll must be answered before."""

MAX_TOKEN_AGE_S: Final = 30 * 86_400
"""Beyond it a token that was read over a shoulder is good for too long."""

WIDEST_PREFIX: Final = {4: 16, 6: 48}
"""By IP version: a public network wider than a large company's holds clients, not proxies."""

PRIVATE: Final = tuple(
    map(ip_network, ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "fc00::/7"))
)
"""Networks wide enough to be looked at whose addresses come from no client on the web."""

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@frozen
class Finding:
    """
    One thing that was found: how bad, where, and what to do.
    """

    level: Level
    setting: str
    text: str


@frozen
class Case:
    """
    What is looked at: the settings, where its files lie, the secret of the
    environment, and the channels of the application.
    """

    config: Config
    database: Path
    history: Path
    jwt_secret: str | None = field(default=None, repr=False)
    channels: Mapping[str, type[Channel]] = field(factory=dict)


def look(case: Case) -> Sequence[Finding]:
    """
    Look at everything; give what was found, the worst first.
    """
    found = [finding for check in CHECKS for finding in _looked(check, case)]
    order = ("wrong", "unsafe", "note")
    return sorted(found, key=lambda finding: order.index(finding.level))


def _looked(check: Callable[[Case], Iterator[Finding]], case: Case) -> Iterator[Finding]:
    try:
        yield from check(case)
    except OSError as error:  # somebody else's directory
        yield Finding("wrong", "data_dir", f"cannot look at {error.filename}: {error.strerror}")


def is_good(findings: Sequence[Finding]) -> bool:
    """
    Whether nothing was found but notes.
    """
    return all(finding.level == "note" for finding in findings)


def _address(case: Case) -> Iterator[Finding]:
    config = case.config
    try:
        OriginCheck(config.check_origin)
    except ConfigError as error:
        yield Finding("wrong", "check_origin", str(error))
    if not _is_public(config.host):
        return
    if not config.check_origin:
        text = "any page on the web may connect: name the origins of yours"
        yield Finding("unsafe", "check_origin", text)
    text = "it is reached from elsewhere, and does no TLS: a proxy that does belongs before it"
    yield Finding("note", "host", text)


def _is_public(host: str) -> bool:
    if host == "localhost":
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True


def _proxies(case: Case) -> Iterator[Finding]:
    name = "trusted_proxies"
    try:
        TrustedProxies(case.config.trusted_proxies)
    except ConfigError as error:
        yield Finding("wrong", name, str(error))
        return
    for text in case.config.trusted_proxies:
        network = ip_network(text, strict=False)
        # Not `is_private`, which holds of 0.0.0.0/0.
        is_inside = any(_is_within(network, one) for one in PRIVATE)
        if network.prefixlen < WIDEST_PREFIX[network.version] and not is_inside:
            told = f"{text} holds clients, who could then forge X-Forwarded-For: name the proxies"
            yield Finding("unsafe", name, told)


def _is_within(one: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    return (
        one.version == other.version
        and one.network_address in other
        and one.broadcast_address in other
    )


def _files(case: Case) -> Iterator[Finding]:
    data_dir = case.config.data_dir
    if not data_dir.exists():
        text = f"{data_dir.absolute()} is not there; it is made at the first start"
        yield Finding("note", "data_dir", text)
        return
    if not data_dir.is_dir():
        yield Finding("wrong", "data_dir", f"{data_dir.absolute()} is no directory")
        return
    stems = (case.database, case.history)
    files = [path for stem in stems for path in sorted(data_dir.glob(f"{stem.name}*"))]
    for path, mode in ((data_dir, "700"), *((file, "600") for file in files)):
        if path.stat().st_mode & _OTHERS:
            text = f"{path.absolute()} is open to others than its owner: run `chmod {mode}` on it"
            yield Finding("unsafe", "data_dir", text)


def _keys(case: Case) -> Iterator[Finding]:
    config = case.config
    keys: tuple[str, ...] = ()
    if (config.data_dir / KEY_FILE).exists():  # else they would be made
        try:
            keys = load_keys(config.data_dir).keys
        except ConfigError as error:
            yield Finding("wrong", "data_dir", str(error))
    if config.token_max_age_s > MAX_TOKEN_AGE_S:
        days = config.token_max_age_s // 86_400
        text = f"a token that is read over a shoulder is good for {days} days"
        yield Finding("unsafe", "token_max_age_s", text)
    yield from _jwt(case, keys)


def _jwt(case: Case, keys: Sequence[str]) -> Iterator[Finding]:
    config, name = case.config, "jwt_secret_file"
    try:
        secrets = load_jwt_secrets(config.jwt_secret_file, case.jwt_secret)
    except ConfigError as error:
        yield Finding("wrong", name, str(error))
        return
    if {key.encode() for key in keys} & set(secrets):
        text = f"a secret is also one of the {KEY_FILE}: its holders could sign in as operators"
        yield Finding("unsafe", name, text)
    if secrets and not (config.jwt_audience or config.jwt_issuer):
        text = "any token signed with the secret opens, whomever it was made for"
        yield Finding("note", "jwt_audience", text)
    for setting in ("jwt_user_claim", "jwt_role_claim", "jwt_audience", "jwt_issuer"):
        if not secrets and getattr(config, setting) != settings()[setting].default:
            text = f"has no effect without jwt_secret_file or {JWT_VARIABLE}"
            yield Finding("wrong", setting, text)


def _operators(case: Case) -> Iterator[Finding]:
    is_empty = True
    if case.database.exists():
        try:
            is_empty = OperatorStore(case.database).is_empty()
        except (SQLAlchemyError, OSError) as error:
            why = getattr(error, "orig", None) or getattr(error, "strerror", None)
            text = f"cannot use the database {case.database.absolute()}: {why}"
            yield Finding("wrong", "data_dir", text)
            return
    if is_empty:
        text = "nobody can sign in at /backoffice yet: `notifier operator add` makes an operator"
        yield Finding("note", "operators", text)


def _limits(case: Case) -> Iterator[Finding]:
    limits = case.config.limits
    if limits.window_ms > MAX_WINDOW_MS:
        text = f"many proxies cut a poll that waits longer than {MAX_WINDOW_MS} ms"
        yield Finding("wrong", "window_ms", f"{text}, got {limits.window_ms}")
    lower_than = (
        ("max_message_bytes", "max_answer_bytes", "what is sent may be less than what is read"),
        ("max_mailbox_bytes", "max_answer_bytes", "a mailbox never fills an answer"),
        ("max_sessions", "max_sessions_per_user", "one user may have them all"),
        ("resume_window_ms", "window_ms", "a session ends before a client notices a cut"),
        ("idle_timeout_ms", "ping_interval_ms", "a client that only listens is closed as idle"),
    )
    for lower, higher, effect in lower_than:
        one, other = getattr(limits, lower), getattr(limits, higher)
        if one < other:
            yield Finding("wrong", lower, f"{one} is below {higher} ({other}): {effect}")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < limits.max_sessions:
        text = f"the system allows {most} open files, fewer than {limits.max_sessions} sessions"
        yield Finding("note", "max_sessions", text)


def _retention(case: Case) -> Iterator[Finding]:
    resume_s = case.config.limits.resume_window_ms / 1000
    for topic, channel in case.channels.items():
        kept = channel.history
        if kept is None:
            continue
        if kept.max_count == kept.max_age_s == inf:
            text = "it keeps everything: its log grows until the disk is full"
            yield Finding("unsafe", f"history of {topic}", text)
        if kept.max_age_s < resume_s:
            text = "it forgets sooner than a client comes back: nothing can be recovered"
            yield Finding("wrong", f"history of {topic}", text)


CHECKS: Final[Sequence[Callable[[Case], Iterator[Finding]]]] = (
    _address,
    _proxies,
    _files,
    _keys,
    _operators,
    _limits,
    _retention,
)
