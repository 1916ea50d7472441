"""
A browser without scripts: it keeps cookies, reads pages and sends forms.
"""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from attrs import define, frozen

FORM = "/backoffice"
SIGN_IN = "/backoffice/sign-in"
SIGN_OUT = "/backoffice/sign-out"
NAME, PASSWORD = "ada", "correct horse"

Headers = dict[str, str] | None


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attribute_names: set[str] = set()
        self.forms: dict[str, dict[str, str]] = {}
        self.attributes: dict[str, dict[str, str | None]] = {}
        self._form: dict[str, str] = {}
        self._textarea = ""
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        self.attribute_names.update(found)
        if key := found.get("id"):
            self.attributes[key] = found
        if tag == "form":
            self._form = self.forms.setdefault(found["action"] or "", {})
        name = found.get("name") or ""
        if tag == "input" and (found.get("type") != "radio" or "checked" in found):
            self._form[name] = found.get("value") or ""
        if tag == "textarea":
            self._textarea = name
            self._form[name] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            # As browsers do: the first line break after the tag is not part of the text.
            self._form[self._textarea] = self._form[self._textarea].removeprefix("\n")
            self._textarea = ""

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self._form[self._textarea] += data
        else:
            self.text += data


@frozen
class Page:
    """
    A page as the browser understood it.
    """

    response: ClientResponse
    html: str
    text: str
    tags: set[str]
    attribute_names: set[str]
    forms: dict[str, dict[str, str]]
    attributes: dict[str, dict[str, str | None]]

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def path(self) -> str:
        return self.response.url.path

    @property
    def typed(self) -> dict[str, str]:
        """
        What stands in the fields of the form that an operator fills in.
        """
        fields = self.forms[FORM]
        return {name: fields.get(name, "") for name in ("to", "user", "text", "out")}


@define
class Browser:
    """
    One browser, with its own cookies.
    """

    client: TestClient[Any, Any]

    async def get(self, path: str, headers: Headers = None, params: Headers = None) -> Page:
        return await read(await self.client.get(path, headers=headers, params=params))

    async def post(self, path: str, fields: dict[str, str], headers: Headers = None) -> Page:
        return await read(await self.client.post(path, data=fields, headers=headers))

    async def submit(self, page: Page, action: str = FORM, **typed: str) -> Page:
        """
        Send a page's form in, with what was typed into it.
        """
        return await self.post(action, {**page.forms[action], **typed})

    async def sign_in(self, name: str = NAME, password: str = PASSWORD) -> Page:
        page = await self.get(SIGN_IN)
        return await self.submit(page, SIGN_IN, name=name, password=password)

    def cookie(self, name: str) -> str | None:
        found = self.client.session.cookie_jar.filter_cookies(self.client.make_url(FORM))
        return found[name].value if name in found else None

    def set_cookie(self, name: str, value: str) -> None:
        self.client.session.cookie_jar.update_cookies({name: value}, self.client.make_url("/"))

    def forget_cookies(self) -> None:
        self.client.session.cookie_jar.clear()


async def read(response: ClientResponse) -> Page:
    """
    Read a response as a page.
    """
    html, reader = await response.text(), _Reader()
    reader.feed(html)
    words = " ".join(reader.text.split())
    return Page(
        response,
        html,
        words,
        reader.tags,
        reader.attribute_names,
        reader.forms,
        reader.attributes,
    )
