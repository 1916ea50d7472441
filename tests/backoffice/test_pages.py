from __future__ import annotations

import pytest

from backoffice.browser import FORM, SIGN_IN, SIGN_OUT, Browser
from notifier.backoffice.pages import HEADERS, Pages


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", FORM),
        ("GET", f"{FORM}/"),
        ("GET", SIGN_IN),
        ("POST", SIGN_IN),
        ("POST", FORM),
        ("PUT", FORM),
        ("GET", SIGN_OUT),
        ("GET", f"{FORM}/nothing"),
    ],
)
async def test_headers_are_there_whatever_is_answered(
    browser: Browser, method: str, path: str
) -> None:
    """
    Pages, redirects, refusals and errors alike carry the security headers.
    """
    response = await browser.client.request(method, path, allow_redirects=False)
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS


async def test_policy_allows_no_script_and_no_frame(browser: Browser) -> None:
    """
    The policy starts from nothing and names what is allowed.
    """
    policy = (await browser.get(SIGN_IN)).response.headers["Content-Security-Policy"]
    assert set(policy.split("; ")) == {
        "default-src 'none'",
        "style-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    }


async def test_headers_are_left_alone_on_other_paths(browser: Browser) -> None:
    """
    The application's own pages keep their own headers.
    """
    response = await browser.client.get("/backoffices")
    assert "Content-Security-Policy" not in response.headers


async def test_style_sheet_is_kept_when_a_page_links_it(browser: Browser) -> None:
    """
    The style sheet has a name that changes with it, and may be cached.
    """
    page = await browser.get(SIGN_IN)
    link = page.html.split('rel="stylesheet" href="')[1].split('"')[0]
    style = await browser.client.get(link)
    assert style.status == 200
    assert style.content_type == "text/css"
    assert "immutable" in style.headers["Cache-Control"]
    assert "prefers-color-scheme: dark" in await style.text()


async def test_pages_have_no_script_and_no_inline_style(browser: Browser) -> None:
    """
    Nothing in the pages needs what the policy forbids.
    """
    pages = [await browser.get(SIGN_IN), await browser.sign_in()]
    for page in pages:
        assert not page.tags & {"script", "style", "iframe", "object"}
        assert "style" not in page.attribute_names
        assert not [name for name in page.attribute_names if name.startswith("on")]


async def test_every_field_has_a_label(browser: Browser) -> None:
    """
    Each field that is filled in is named for a screen reader.
    """
    pages = [await browser.get(SIGN_IN), await browser.sign_in()]
    for page in pages:
        assert '<html lang="en">' in page.html
        for name in page.attributes.keys() & {"name", "password", "user", "text", "out"}:
            assert f'<label for="{name}">' in page.html


async def test_pages_are_small(browser: Browser) -> None:
    """
    The form and its style sheet weigh little on a phone.
    """
    page = await browser.sign_in()
    style = await browser.client.get(f"{FORM}/style.css")
    assert len(page.html) + len(await style.text()) < 20_000


def test_values_are_escaped_when_rendered() -> None:
    """
    Markup in a value stays text.
    """
    response = Pages().page("refused.html", words="<b>'\"&")
    assert "<b>" not in str(response.text)
    assert "&lt;b&gt;&#39;&#34;&amp;" in str(response.text)
