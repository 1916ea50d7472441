"""
Every text for people that stands in code and templates.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from attrs import frozen
from babel.messages.extract import extract

import notifier.backoffice

ROOT = Path(notifier.backoffice.__file__).parent
KEYWORDS = {"say": None, "count": (1, 2), "Refusal": (2,), "N_": None}


@frozen
class Text:
    """
    What a catalog is to have: one form, or that for one and that for many.
    """

    forms: tuple[str, ...]
    where: str


def texts() -> Iterator[Text]:
    """
    Find them, each as often as it stands somewhere.
    """
    for method, pattern in (("python", "*.py"), ("jinja2.ext:babel_extract", "*.html")):
        for path in sorted(ROOT.rglob(pattern)):
            with path.open("rb") as file:
                for line, found, _, _ in extract(method, file, KEYWORDS):
                    forms = (found,) if isinstance(found, str) else tuple(found)
                    yield Text(forms, f"{path.relative_to(ROOT)}:{line}")
