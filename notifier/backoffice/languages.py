"""
The languages of the back office: English as it stands in code and templates, and
what the catalogs in `locales` make of it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from gettext import NullTranslations
from importlib import resources
from io import BytesIO
from typing import Final

from attrs import frozen
from babel import Locale, negotiate_locale
from babel.dates import format_datetime, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import Translations
from markupsafe import Markup

SOURCE: Final = "en"
CODES: Final = (SOURCE, "fr")

MAX_WANTED: Final = 20
"""Languages looked at of those that a browser wants; more are not."""

_NOW_S: Final = 45.0


@frozen(repr=False)
class Language:
    """
    Words, numbers and times in one language.

    `say` and `count` are what a catalog is extracted by: hand them literal words.
    """

    code: str
    _translations: NullTranslations

    def say(self, words: str, /, **values: object) -> str:
        """
        Say it with the values in place of each `%(name)s`.
        """
        return self._translations.gettext(words) % values

    def count(self, one: str, many: str, number: int, /, **values: object) -> str:
        """
        Say the one or the other by number, which stands in for `%(n)s`.
        """
        words = self._translations.ngettext(one, many, number)
        return words % {"n": self.number(number), **values}

    def say_in_page(self, words: str, /, **values: object) -> Markup:
        """
        Say it in a page: values are escaped, unless they are markup themselves.
        """
        return Markup(self._translations.gettext(words)) % values  # noqa: S704 - ours

    def count_in_page(self, one: str, many: str, number: int, /, **values: object) -> Markup:
        """
        Count in a page, as `say_in_page` says.
        """
        words = self._translations.ngettext(one, many, number)
        return Markup(words) % {"n": self.number(number), **values}  # noqa: S704 - ours

    def number(self, value: int) -> str:
        """
        Write a whole number.
        """
        return format_decimal(value, locale=self._locale)

    def ago(self, age_s: float) -> str:
        """
        Tell how long ago something was, or, below zero, in how long it will be.
        """
        if abs(age_s) < _NOW_S:
            return self.say("just now")
        return format_timedelta(
            timedelta(seconds=-age_s),
            granularity="minute",
            threshold=1.2,
            add_direction=True,
            locale=self._locale,
        )

    def date(self, at: float) -> str:
        """
        Write a time in seconds since 1970, to the minute, in UTC.
        """
        when = datetime.fromtimestamp(at, UTC)
        return f"{format_datetime(when, 'medium', tzinfo=UTC, locale=self._locale)} UTC"

    @property
    def _locale(self) -> Locale:
        return Locale(self.code)


@cache
def language(code: str) -> Language:
    """
    Return the language of a code, one of CODES.
    """
    if code == SOURCE:
        return Language(code, NullTranslations())
    source = resources.files("notifier.backoffice").joinpath(f"locales/{code}.po").read_bytes()
    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(source), locale=code))
    compiled.seek(0)
    return Language(code, Translations(compiled))


def choose(accept_language: str) -> Language:
    """
    Return the language that a browser's `Accept-Language` likes best, or else English.
    """
    wanted = list[tuple[float, str]]()
    for part in accept_language.split(",")[:MAX_WANTED]:
        code, _, quality = part.partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if weight > 0:
            wanted.append((-weight, code.strip().lower()))
    likes = [code for _, code in sorted(wanted, key=lambda one: one[0])]
    return language(negotiate_locale(likes, CODES, sep="-") or SOURCE)
