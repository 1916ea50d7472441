"""
A browser without scripts: it keeps cookies, reads pages and sends forms.
"""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from attrs import define, field, frozen

HOME = "/backoffice"
ONLINE = "/backoffice/online"
SIGN_IN = "/backoffice/sign-in"
SIGN_OUT = "/backoffice/sign-out"
NAME, PASSWORD = "ada", "correct horse"

Headers = dict[str, str] | None


@define
class Form:
    """
    A form, with what would be sent if nothing more was typed.
    """

    action: str
    method: str
    fields: dict[str, str] = field(factory=dict)
    names: set[str] = field(factory=set)
    """Of all fields, those that are sent only once they are ticked, too."""
    acts: list[str] = field(factory=list)
    """What its buttons send as `act`."""

    def takes(self, typed: dict[str, str]) -> bool:
        """
        Return whether somebody could fill this in, and press this button.
        """
        act = typed.get("act")
        return typed.keys() - {"act"} <= self.names and (act is None or act in self.acts)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attribute_names: set[str] = set()
        self.forms: list[Form] = []
        self.attributes: dict[str, dict[str, str | None]] = {}
        self.labels: set[str] = set()
        self.text = ""
        self._form = Form("", "")
        self._textarea = self._select = ""
        self._skipped = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        self.attribute_names.update(found)
        if key := found.get("id"):
            self.attributes[key] = found
        if tag == "script":
            self._skipped = tag
        if tag == "label":
            self.labels.add(found.get("for") or "")
        if tag == "form":
            self._form = Form(found.get("action") or "", found.get("method") or "get")
            self.forms.append(self._form)
        self._read_field(tag, found)

    def _read_field(self, tag: str, found: dict[str, str | None]) -> None:
        name, value = found.get("name") or "", found.get("value")
        if tag == "button" and name == "act":
            self._form.acts.append(value or "")
        if tag in ("input", "textarea", "select") and name:
            self._form.names.add(name)
        ticked = found.get("type") not in ("radio", "checkbox") or "checked" in found
        if tag == "input" and ticked and name:
            self._form.fields[name] = value or ""
        if tag == "textarea":
            self._textarea = name
            self._form.fields[name] = ""
        if tag == "select":
            self._select = name
        if tag == "option" and ("selected" in found or self._select not in self._form.fields):
            self._form.fields[self._select] = value or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            # As browsers do: the first line break after the tag is not part of the text.
            fields = self._form.fields
            fields[self._textarea] = fields[self._textarea].removeprefix("\n")
            self._textarea = ""
        if tag == self._skipped:
            self._skipped = ""

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self._form.fields[self._textarea] += data
        elif not self._skipped:
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
    forms: list[Form]
    attributes: dict[str, dict[str, str | None]]
    labels: set[str]

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def path(self) -> str:
        return self.response.url.path

    def form(self, action: str, **typed: str) -> Form:
        """
        Find the form of an action that has these fields and this button.
        """
        found = [form for form in self.forms if form.action == action and form.takes(typed)]
        assert found, f"no form for {action} takes {sorted(typed)}, {typed.get('act')}"
        return found[0]

    def fields(self, action: str, **typed: str) -> dict[str, str]:
        """
        What stands in the fields of a form, with what is typed into it.
        """
        return {**self.form(action, **typed).fields, **typed}


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

    async def submit(self, page: Page, action: str, **typed: str) -> Page:
        """
        Send a page's form in, with what was typed into it; `act` is the button pressed.
        """
        return await self.post(action, page.fields(action, **typed))

    async def press(self, path: str, act: str, **typed: str) -> Page:
        """
        Open a page, and send in its form that has this button.
        """
        return await self.submit(await self.get(path), path, act=act, **typed)

    async def sign_in(self, name: str = NAME, password: str = PASSWORD, then: str = ONLINE) -> Page:
        page = await self.get(SIGN_IN, params={"next": then})
        return await self.submit(page, SIGN_IN, name=name, password=password)

    def cookie(self, name: str) -> str | None:
        found = self.client.session.cookie_jar.filter_cookies(self.client.make_url(HOME))
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
    return Page(
        response,
        html,
        " ".join(reader.text.split()),
        reader.tags,
        reader.attribute_names,
        reader.forms,
        reader.attributes,
        reader.labels,
    )
