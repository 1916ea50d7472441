"""
Turning values into pages, and the headers that every page carries.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import Final

from aiohttp import web
from attrs import field, frozen
from jinja2 import Environment, PackageLoader, StrictUndefined

from notifier.backoffice.gate import PREFIX

# A page loads its style sheet and sends its forms to this server, and that is all it can do.
CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)

HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("notifier.backoffice", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _style() -> bytes:
    return resources.files("notifier.backoffice").joinpath("static/style.css").read_bytes()


@frozen(repr=False)
class Pages:
    """
    The templates and the style sheet, read once.
    """

    _templates: Environment = field(factory=_environment)
    _style: bytes = field(factory=_style)
    _style_url: str = field(init=False)

    @_style_url.default
    def _name_style(self) -> str:
        return f"{PREFIX}/style.css?v={hashlib.sha256(self._style).hexdigest()[:12]}"

    def page(self, template: str, status: int = 200, **values: object) -> web.Response:
        """
        Render one page; every value is escaped.
        """
        found = self._templates.get_template(template)
        html = found.render(prefix=PREFIX, style=self._style_url, **values)
        return web.Response(text=html, status=status, content_type="text/html", charset="utf-8")

    async def show_style(self, _request: web.Request) -> web.Response:
        """
        Answer with the style sheet, which a changed one replaces at once.
        """
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return web.Response(
            body=self._style, content_type="text/css", charset="utf-8", headers=headers
        )


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """
    Put the headers on whatever is answered below the prefix, errors too.
    """
    if request.path == PREFIX or request.path.startswith(f"{PREFIX}/"):
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
