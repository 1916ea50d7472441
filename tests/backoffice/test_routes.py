from __future__ import annotations

import pytest

from backoffice.browser import FORM, SIGN_IN, SIGN_OUT, Browser


@pytest.mark.parametrize("path", [FORM, f"{FORM}/", SIGN_OUT])
async def test_sign_in_page_comes_when_nobody_is_signed_in(browser: Browser, path: str) -> None:
    """
    Every way in leads to the sign-in page first.
    """
    assert (await browser.get(path)).path == SIGN_IN


@pytest.mark.parametrize("path", [f"{FORM}/", SIGN_IN, SIGN_OUT])
async def test_form_comes_when_somebody_is_signed_in(browser: Browser, path: str) -> None:
    """
    Every way in leads to the form, and looking never signs out.
    """
    await browser.sign_in()
    assert (await browser.get(path)).path == FORM


@pytest.mark.parametrize("query", ["next", "url", "return_to", "redirect", "done", "signed-out"])
async def test_redirects_stay_here_whatever_the_query_says(browser: Browser, query: str) -> None:
    """
    No redirect looks at what the request names: there is no open redirect.
    """
    evil = {query: "//evil.example/"}
    page = await browser.get(SIGN_IN, params=evil)
    fields = {**page.forms[SIGN_IN], **evil, "name": "ada", "password": "correct horse"}
    response = await browser.client.post(SIGN_IN, params=evil, data=fields, allow_redirects=False)
    assert response.headers["Location"] == FORM


async def test_refusal_is_a_page_when_a_form_cannot_be_read(browser: Browser) -> None:
    """
    What is refused is told in words, with the way back.
    """
    page = await browser.post(FORM, {"x": "y" * 300_000})
    assert page.status == 413
    assert "larger than 256 KiB" in page.text
    assert f'href="{FORM}"' in page.html
