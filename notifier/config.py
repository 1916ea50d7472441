"""
Every setting, once: name, default, unit, what it is for; and how it is read.

A setting comes from a flag, or else from the environment (`NOTIFIER_PORT`),
or else from a TOML file (`port = 4000`), or else is its default. Whatever
comes is checked where it comes from, so that an error can name the place.
The bounds of a session are settings too; they are declared in
`notifier.session.limits`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Final, get_args, get_origin, get_type_hints

import attrs
from attrs import field, frozen

from notifier.errors import ConfigError
from notifier.session import Limits

ENVIRONMENT_PREFIX: Final = "NOTIFIER_"
FILE_VARIABLE: Final = "NOTIFIER_CONFIG"
"""Names the TOML file where no flag does; it is no setting itself."""

CLIENT_VARIABLES: Final = ("NOTIFIER_URL", "NOTIFIER_TOKEN")
"""What the command line's client reads; no settings of a server either."""

KEY_VARIABLE: Final = "NOTIFIER_API_KEY"
"""The key for the HTTP API of a running server."""

JWT_VARIABLE: Final = "NOTIFIER_JWT_SECRET"
"""Holds the secret itself; no setting, so that it stands in no Config and no error."""

_NO_SETTINGS: Final = (FILE_VARIABLE, *CLIENT_VARIABLES, KEY_VARIABLE, JWT_VARIABLE)

LOG_LEVELS: Final = ("debug", "info", "warning", "error")

_KINDS: Final[Mapping[type, str]] = {
    bool: "true or false",
    int: "a whole number",
    str: "a string",
    Path: "a path",
    tuple: "a list of strings",
}
"""What a setting may be, and how that is told to whoever gave something else."""

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}
_SHOWN_CHARACTERS: Final = 60


def _setting(
    default: Any,
    doc: str,
    *,
    check: Callable[[Any], str | None] | None = None,
    converter: Callable[[Any], Any] | None = None,
) -> Any:
    """
    Declare a setting; `check` tells what was expected where a value is wrong.
    """

    def validate(_config: Config | None, _attribute: attrs.Attribute[Any], value: Any) -> None:
        expected = check(value) if check else None
        if expected:
            raise ValueError(f"expected {expected}, got {_shown(value)}")

    return field(default=default, validator=validate, converter=converter, metadata={"doc": doc})


def _not_empty(value: str | Path) -> str | None:
    return None if str(value) else "one that is not empty"


def _port(value: int) -> str | None:
    return None if 0 <= value <= 65_535 else "a port from 0 to 65535"


def _positive(value: int) -> str | None:
    return None if value >= 1 else "at least 1"


def _log_level(value: str) -> str | None:
    return None if value in LOG_LEVELS else f"one of {', '.join(LOG_LEVELS)}"


def _app(value: str | None) -> str | None:
    well_formed = not value or re.fullmatch(r"\w+(\.\w+)*:\w+(\.\w+)*", value)
    return None if well_formed else "module:attribute, such as examples.chat:app"


@frozen(kw_only=True)
class Config:
    """
    The settings of one server.

    Made directly it checks its values as `load_config` does, with ValueError.
    """

    # Empty, `host` would be every interface and `data_dir` the current directory.
    host: str = _setting("127.0.0.1", "address or name to listen on", check=_not_empty)
    port: int = _setting(4000, "port to listen on, 0 for any that is free", check=_port)
    data_dir: Path = _setting(  # noqa: RUF009 - makes an attrs field, as the others do
        "notifier-data",
        "directory of the secret keys, the database and the history; made if missing",
        check=_not_empty,
        converter=Path,
    )
    app: str | None = _setting(
        None, "your application as module:attribute; without it the one that ships", check=_app
    )
    check_origin: tuple[str, ...] = _setting(
        (),
        "origins of the pages that may connect, such as https://a.example or //*.example.com; "
        "empty lets every page connect",
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (), "networks of your proxies, such as 10.0.0.0/8: their X-Forwarded-For is believed"
    )
    token_max_age_s: int = _setting(
        86_400, "seconds a user token is good for that does not say so itself", check=_positive
    )
    api_rate_per_s: int = _setting(
        50, "requests a second with one API key; a further one is answered 429", check=_positive
    )
    api_burst: int = _setting(
        100, "requests at once with one API key; a further one is answered 429", check=_positive
    )
    api_max_body_bytes: int = _setting(
        1_000_000, "bytes of one request's body to the API; over it 413", check=_positive
    )
    jwt_secret_file: Path | None = _setting(  # noqa: RUF009 - as above
        None,
        "file of the secrets that sign your application's JSON Web Tokens (HS256), one a line; "
        f"or {JWT_VARIABLE} in the environment",
        converter=attrs.converters.optional(Path),
    )
    jwt_user_claim: str = _setting("sub", "claim with the user's id", check=_not_empty)
    jwt_role_claim: str | None = _setting(
        None, "claim with the role, customer or operator; without it all are customers"
    )
    jwt_audience: str | None = _setting(None, "audience (aud) that a JSON Web Token must name")
    jwt_issuer: str | None = _setting(None, "issuer (iss) that a JSON Web Token must name")
    create_users: bool = _setting(
        True,
        "add whoever comes with a good token to the users; "
        "false lets in only those that are there already",
    )
    shutdown_timeout_s: int = _setting(
        10, "seconds that closing may take; what is not done by then is cut off", check=_positive
    )
    log_level: str = _setting(
        "info", f"least level that is logged: {', '.join(LOG_LEVELS)}", check=_log_level
    )
    limits: Limits = field(factory=Limits)


@frozen
class Setting:
    """
    What there is to know of one setting; `kind` is a key of `_KINDS`.
    """

    attribute: attrs.Attribute[Any] = field(repr=False)
    kind: type

    @property
    def name(self) -> str:
        return self.attribute.name

    @property
    def default(self) -> Any:
        return self.attribute.default

    @property
    def doc(self) -> str:
        """
        The sentence for whoever sets it: its unit, and what happens at it.
        """
        return str(self.attribute.metadata["doc"])

    def check(self, value: object) -> None:
        """
        Raise ValueError for a value of the right kind that does not fit.
        """
        if self.attribute.validator is not None:
            self.attribute.validator(None, self.attribute, value)


@cache
def settings() -> Mapping[str, Setting]:
    """
    List every setting by its name, the session's limits among them.
    """
    return {
        attribute.name: Setting(attribute, _kind(get_type_hints(owner)[attribute.name]))
        for owner in (Config, Limits)
        for attribute in attrs.fields(owner)
        if attribute.name != "limits"
    }


def _kind(hint: Any) -> type:
    kind = next((part for part in get_args(hint) if part in _KINDS), hint)
    return tuple if get_origin(hint) is tuple else kind


def load_config(
    flags: Mapping[str, object], environ: Mapping[str, str], file: Path | None
) -> Config:
    """
    Read the settings: flags over environment over file over defaults.

    A flag that is None was not given. Where `file` is None the environment
    may name one. Raises ConfigError for a name that is no setting, with the
    nearest ones, and for a value that does not fit; either says where.
    """
    if file is None and environ.get(FILE_VARIABLE):
        file = Path(environ[FILE_VARIABLE])
    values: dict[str, object] = {}
    if file is not None:
        values |= _read_source(_read_file(file), str, f"{file}: ", is_text=False)
    variables = {
        name: value
        for name, value in environ.items()
        if name.startswith(ENVIRONMENT_PREFIX) and name not in _NO_SETTINGS
    }
    values |= _read_source(variables, variable, "", is_text=True)
    given = {flag(name): value for name, value in flags.items() if value is not None}
    values |= _read_source(given, flag, "", is_text=True)
    limits = {one.name: values.pop(one.name) for one in attrs.fields(Limits) if one.name in values}
    return Config(**values, limits=Limits(**limits))  # type: ignore[arg-type]  # checked by name


def flag(name: str) -> str:
    """
    Spell a setting as a flag: `--data-dir`.
    """
    return f"--{name.replace('_', '-')}"


def variable(name: str) -> str:
    """
    Spell a setting as a variable of the environment: `NOTIFIER_DATA_DIR`.
    """
    return ENVIRONMENT_PREFIX + name.upper()


def _read_file(file: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{file}: expected TOML in UTF-8, got a mistake: {error}") from error


def _read_source(
    given: Mapping[str, object], spell: Callable[[str], str], place: str, *, is_text: bool
) -> dict[str, object]:
    known = {spell(name): setting for name, setting in settings().items()}
    values = {}
    for key, value in given.items():
        setting = known.get(key)
        if setting is None:
            nearest = ", ".join(spell(name) for name in _nearest(key))
            raise ConfigError(f"{place}{key} is no setting; the nearest are {nearest}")
        try:
            values[setting.name] = _read_value(setting, value, is_text=is_text)
        except ValueError as error:
            raise ConfigError(f"{place}{key}: {error}") from error
    return values


def _nearest(key: str) -> list[str]:
    # Without what every flag and variable begins with, which would make all of them alike.
    name = key.removeprefix(ENVIRONMENT_PREFIX).strip("-").replace("-", "_").lower()
    known = list(settings())
    return get_close_matches(name, known) or get_close_matches(name, known, cutoff=0)


def _read_value(setting: Setting, value: object, *, is_text: bool) -> object:
    """
    Make a value of the setting's kind and check it; raise ValueError.

    Flags and the environment are text, in which numbers and lists are read; a
    file has types of its own and is taken at its word.
    """
    given = value
    if is_text and isinstance(value, str):
        value = _parse(value, setting.kind)
    if isinstance(value, list):
        value = tuple(value)
    if not _is_of_kind(value, setting.kind):
        raise ValueError(f"expected {_KINDS[setting.kind]}, got {_shown(given)}")
    setting.check(value)
    return value


def _parse(text: str, kind: type) -> object:
    if kind is int and _NUMBER.fullmatch(text):
        return int(text)
    if kind is bool:
        return _TRUTHS.get(text.lower(), text)
    if kind is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def _is_of_kind(value: object, kind: type) -> bool:
    if kind is tuple:
        return isinstance(value, tuple) and all(isinstance(part, str) for part in value)
    if kind is bool:
        return isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str) or (kind is Path and isinstance(value, Path))


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
