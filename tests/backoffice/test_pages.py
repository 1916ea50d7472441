from __future__ import annotations

import gzip

import pytest

from backoffice.browser import HOME, ONLINE, SIGN_IN, Browser
from notifier.backoffice import pages
from notifier.backoffice.languages import language
from notifier.backoffice.pages import CONTENT_SECURITY_POLICY, HEADERS, assets


def test_policy_allows_nothing_from_elsewhere() -> None:
    """
    It starts from nothing, and names this server alone.
    """
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'; ")
    sources = {
        source for part in CONTENT_SECURITY_POLICY.split("; ") for source in part.split()[1:]
    }
    assert sources == {"'none'", "'self'"}


async def test_headers_are_left_alone_on_other_paths(browser: Browser) -> None:
    """
    The application's own pages keep their own headers.
    """
    response = await browser.client.get("/backoffices")
    assert not HEADERS.keys() & response.headers.keys()


@pytest.mark.parametrize("name", ["style.css", "backoffice.js", "icon.svg"])
async def test_asset_is_kept_by_the_browser(browser: Browser, name: str) -> None:
    """
    Under an address that changes with it.
    """
    page = await browser.get(SIGN_IN)
    url = assets()[name].url
    assert f'"{url}"' in page.html
    answer = await browser.client.get(url)
    assert answer.status == 200
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_asset_is_packed_when_the_browser_can_unpack(browser: Browser) -> None:
    """
    The same bytes arrive either way.
    """
    asset = assets()["style.css"]
    packed = await browser.client.get(asset.url, headers={"Accept-Encoding": "gzip"})
    plain = await browser.client.get(asset.url, headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert await packed.read() == await plain.read() == gzip.decompress(asset.packed)


async def test_page_is_not_packed(browser: Browser) -> None:
    """
    It holds secrets beside what others may have written.
    """
    answer = await browser.client.get(SIGN_IN, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers


async def test_pages_have_no_inline_script_or_style(browser: Browser) -> None:
    """
    Nothing in them needs what the policy forbids.
    """
    for page in (await browser.get(SIGN_IN), await browser.sign_in()):
        assert not page.tags & {"style", "iframe", "object", "base"}
        assert "style" not in page.attribute_names
        assert not [name for name in page.attribute_names if name.startswith("on")]


@pytest.mark.parametrize(("wanted", "lang"), [("fr-CH, en;q=0.5", "fr"), ("de", "en")])
async def test_page_is_in_the_browsers_language(browser: Browser, wanted: str, lang: str) -> None:
    """
    And says so, to a screen reader and to a cache.
    """
    page = await browser.get(SIGN_IN, headers={"Accept-Language": wanted})
    assert f'<html lang="{lang}">' in page.html
    assert page.response.headers["Content-Language"] == lang
    assert "Accept-Language" in page.response.headers["Vary"]


async def test_own_page_is_marked_in_the_menu(admin: Browser) -> None:
    """
    A screen reader says which one is open.
    """
    page = await admin.get(ONLINE)
    assert f'href="{ONLINE}" aria-current="page"' in page.html


async def test_menu_offers_what_one_may(admin: Browser, operator: Browser) -> None:
    """
    The pages for admins are not there for the others.
    """
    for path in ("operators", "keys", "audit", "users"):
        assert f'href="{HOME}/{path}"' in (await admin.get(ONLINE)).html
        assert f'href="{HOME}/{path}"' not in (await operator.get(ONLINE)).html


def test_values_are_escaped_when_rendered() -> None:
    """
    Markup in a value stays text.
    """
    page = pages.page("refused.html", language("en"), words="<b>'\"&", is_form=True, back=HOME)
    assert "<b>" not in str(page.text)
    assert "&lt;b&gt;&#39;&#34;&amp;" in str(page.text)
