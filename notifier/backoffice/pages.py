"""
Turning values into pages, and the headers that every page carries.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from attrs import field, frozen
from jinja2 import Environment, PackageLoader, StrictUndefined

from notifier.backoffice.door.gate import PREFIX
from notifier.backoffice.languages import Language, language

# A page has its style sheet and script from this server, asks it alone, and sends its forms
# nowhere else; no text can become a script.
CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)

HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@frozen(repr=False)
class Asset:
    """
    A file that pages load, under a name that changes with it.
    """

    name: str
    body: bytes
    packed: bytes = field(init=False)

    @packed.default
    def _pack(self) -> bytes:
        return gzip.compress(self.body, mtime=0)

    @property
    def url(self) -> str:
        """
        Where a page finds it.
        """
        return f"{PREFIX}/static/{self.name}?v={hashlib.sha256(self.body).hexdigest()[:12]}"

    async def show(self, request: web.Request) -> web.Response:
        """
        Answer with the file, which a changed one replaces at once.
        """
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "Vary": "Accept-Encoding",
        }
        body = self.body
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            # The pages are not packed: they hold secrets beside what others may have written.
            body, headers["Content-Encoding"] = self.packed, "gzip"
        kind = TYPES[self.name[self.name.rindex(".") :]]
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)


@cache
def assets() -> Mapping[str, Asset]:
    """
    Give what pages load, by name; read once a process.
    """
    found = resources.files("notifier.backoffice").joinpath("static").iterdir()
    return {file.name: Asset(file.name, file.read_bytes()) for file in found}


@cache
def _environment(code: str) -> Environment:
    """
    Make what renders in one language; the templates are read and compiled once a process.
    """
    spoken = language(code)
    environment = Environment(
        loader=PackageLoader("notifier.backoffice", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["host"] = lambda link: urlsplit(link).hostname or link
    environment.globals.update(
        prefix=PREFIX,
        lang=spoken.code,
        say=spoken.say_in_page,
        count=spoken.count_in_page,
        number=spoken.number,
        urls={name: asset.url for name, asset in assets().items()},
    )
    return environment


def page(template: str, spoken: Language, status: int = 200, /, **values: object) -> web.Response:
    """
    Answer with a page; every value is escaped.
    """
    html = part(template, spoken, **{"scripted": {}, **values})
    headers = {"Content-Language": spoken.code, "Vary": "Accept-Language, Cookie"}
    return web.Response(
        text=html, status=status, content_type="text/html", charset="utf-8", headers=headers
    )


def part(template: str, spoken: Language, /, **values: object) -> str:
    """
    Render a template as it is; every value is escaped.
    """
    return _environment(spoken.code).get_template(template).render(**values)


def see_other(where: str) -> web.Response:
    """
    Lead the browser to a path of the back office, by GET.
    """
    assert where.startswith(PREFIX), where
    return web.Response(status=303, headers={"Location": where})


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """
    Put the headers on whatever is answered below the prefix, errors too.
    """
    if request.path == PREFIX or request.path.startswith(f"{PREFIX}/"):
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
