from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp.pytest_plugin import AiohttpClient

from backoffice.browser import HOME, NAME, Browser
from backoffice.conftest import NewApp
from backoffice.fakes import Clock
from notifier import api
from notifier.accounts import Accounts
from notifier.api import SCOPES, AnswerStore, ApiKeyStore
from notifier.backoffice import Act, AuditLog
from notifier.backoffice.keys import TRIES, name_scopes
from notifier.backoffice.languages import language
from notifier.channels import Endpoint
from notifier.inbox import Inbox

KEYS = f"{HOME}/keys"


def secrets(html: str) -> list[str]:
    return [part.split("<")[0] for part in html.split("<code data-copy>")[1:]]


async def test_page_says_what_a_key_is_for_when_there_is_none(admin: Browser) -> None:
    """
    In the words of somebody who runs a shop.
    """
    page = await admin.get(KEYS)
    assert "No keys yet Your shop could tell a customer that a parcel has left" in page.text


def test_every_scope_is_explained_and_tried() -> None:
    """
    One that is added to the API must be added here.
    """
    assert name_scopes(language("en")).keys() == SCOPES.keys() == TRIES.keys()


@pytest.mark.parametrize("host", ["shop.example", "shop.example:99999"])
async def test_command_says_where_the_browser_found_the_server(
    aiohttp_client: AiohttpClient, new_app: NewApp, host: str
) -> None:
    """
    By https where it came so, or the key would travel for all to read; and no odd name
    for the server costs the key, which is shown this once.
    """
    app = new_app(is_https=lambda request: "X-Test-Https" in request.headers)
    browser = Browser(await aiohttp_client(app))
    await browser.sign_in()
    page = await browser.get(KEYS)
    fields = page.fields(KEYS, act="add", name="shop", scope_read="on")
    page = await browser.post(KEYS, fields, headers={"X-Test-Https": "yes", "Host": host})
    _, command = secrets(page.html)
    assert f" https://{host}/api/v1/sessions" in command


async def test_key_is_made_and_shown_once(
    admin: Browser, keys: ApiKeyStore, audit: AuditLog
) -> None:
    """
    With a command that uses it; a reload shows neither.
    """
    page = await admin.press(KEYS, "add", name=" shop ", scope_notices="on", scope_read="on")
    assert "The key shop is made, and works at once." in page.text
    key, command = secrets(page.html)
    assert key.startswith("nta_")
    assert f"Authorization: Bearer {key}" in command.replace("&#34;", '"')
    assert "/api/v1/notices" in command
    (kept,) = keys.list()
    assert (kept.name, kept.scopes) == ("shop", ("notices", "read"))
    page = await admin.get(page.response.url.path_qs)
    assert key not in page.html
    assert "shop notices read made just now not used yet" in page.text
    (entry,) = audit.page(1)
    assert (entry.operator, entry.act, entry.subject) == (NAME, Act.KEY_ADDED, "shop")
    assert entry.detail == "notices read"


async def test_key_is_made_once_when_the_form_comes_twice(
    admin: Browser, keys: ApiKeyStore
) -> None:
    """
    The second time shows no key.
    """
    page = await admin.get(KEYS)
    typed = {"act": "add", "name": "shop", "scope_read": "on"}
    await admin.submit(page, KEYS, **typed)
    page = await admin.submit(page, KEYS, **typed)
    assert "Done already" in page.text
    assert secrets(page.html) == []
    assert len(keys.list()) == 1


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"scope_read": "on"}, "name", "A name is one line of 1 to 100 characters."),
        ({"name": "n" * 101, "scope_read": "on"}, "name", "one line of 1 to 100 characters."),
        ({"name": "taken", "scope_read": "on"}, "name", "There is a key of this name."),
        ({"name": "shop"}, "scopes", "Choose at least one."),
    ],
)
async def test_error_stands_beside_the_field(
    admin: Browser, keys: ApiKeyStore, typed: dict[str, str], field: str, words: str
) -> None:
    """
    What was typed and ticked is still there.
    """
    keys.add("taken", ["read"])
    page = await admin.press(KEYS, "add", **typed)
    assert page.status == 422
    assert words in page.text
    assert f"{field}-error" in page.attributes
    assert page.html.count(" autofocus") == 1
    on_scopes = 'aria-describedby="scopes-hint scopes-error" aria-invalid="true" autofocus'
    assert (f'tabindex="-1" {on_scopes}' in page.html) == (field == "scopes")
    form = page.form(KEYS, act="add")
    assert form.fields["name"] == typed.get("name", "")
    assert ("scope_read" in form.fields) == ("scope_read" in typed)
    assert len(keys.list()) == 1


async def test_revoked_key_is_shown_as_one(
    admin: Browser, keys: ApiKeyStore, audit: AuditLog
) -> None:
    """
    Its name is free again.
    """
    keys.add("shop", ["read"])
    page = await admin.press(KEYS, "revoke:shop")
    assert "The key shop is revoked." in page.text
    assert "Revoked shop read made just now revoked just now" in page.text
    assert audit.page(1)[0].act == Act.KEY_REVOKED
    assert "is made" in (await admin.press(KEYS, "add", name="shop", scope_read="on")).text


async def test_nothing_is_revoked_when_it_was_meanwhile(admin: Browser, keys: ApiKeyStore) -> None:
    """
    The page says so.
    """
    keys.add("shop", ["read"])
    page = await admin.get(KEYS)
    keys.revoke("shop")
    page = await admin.submit(page, KEYS, act="revoke:shop")
    assert "There is no key shop in use." in page.text


@pytest.mark.parametrize("act", ["", "revoke", "revoke:", "crown:shop"])
async def test_act_is_refused_when_no_button_asks_for_it(admin: Browser, act: str) -> None:
    """
    What no page sends is not looked at.
    """
    fields = {**(await admin.get(KEYS)).form(KEYS, name="").fields, "act": act}
    assert (await admin.post(KEYS, fields)).status == 400


@pytest.fixture
async def shop(
    aiohttp_client: AiohttpClient,
    new_app: NewApp,
    endpoint: Endpoint,
    accounts: Accounts,
    inbox: Inbox,
    keys: ApiKeyStore,
    database: Path,
    clock: Clock,
) -> Browser:
    """
    Ada in a browser on a server that has the API, whose clock stands still.
    """
    app = new_app()
    api.setup(
        app,
        api.operations(endpoint, accounts, inbox),
        keys=keys,
        answers=AnswerStore(database),
        rate_per_s=100,
        burst=100,
        max_body_bytes=10_000,
        now=clock,
    )
    browser = Browser(await aiohttp_client(app))
    await browser.sign_in()
    return browser


async def test_running_api_knows_of_a_key_at_once(shop: Browser) -> None:
    """
    Of a new one, and of one that was revoked, though no second passes.
    """
    key, _ = secrets((await shop.press(KEYS, "add", name="shop", scope_read="on")).html)

    async def ask() -> int:
        headers = {"Authorization": f"Bearer {key}"}
        return (await shop.client.get("/api/v1/sessions", headers=headers)).status

    assert await ask() == 200
    await shop.press(KEYS, "revoke:shop")
    assert await ask() == 401
